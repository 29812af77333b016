// One request and its response, as a handler sees it.
//
//   Task<void> hello(HttpExchange& exchange) {
//     exchange.respond(200, "text/plain", "hello\n");
//     co_return;
//   }
//
// The handler may read the body (whole, or piece by piece), then responds once: with respond() or
// refuse(), or as a stream, or by taking the socket over, or it switches to another protocol. A
// handler that does none of these answers 500. Views into the request are good until the handler
// returns.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/operation.h"
#include "core/socket.h"
#include "core/task.h"
#include "net/buffer.h"
#include "net/chunked.h"
#include "net/client_address.h"
#include "net/http_head.h"
#include "net/http_status.h"

namespace ringcast {

class HttpConnection;

// Told, while a handler runs, that it should come to its end.
class DrainListener {
 public:
  virtual void draining() = 0;

 protected:
  ~DrainListener() = default;
};

struct ResponseHeader {
  std::string_view name;
  std::string_view value;
};

class HttpExchange {
 public:
  HttpExchange(HttpConnection& connection, const RequestHead& head);
  ~HttpExchange();

  const RequestHead& head() const { return head_; }
  // Who sent this request, whatever else comes over the connection: proxies share them.
  const ClientAddress& client() const;
  // How the client reached the proxy before us, where a trusted one says so: `https`, and which
  // Host it asked for.
  std::optional<std::string_view> forwarded_proto() const;
  std::optional<std::string_view> forwarded_host() const;

  // Names the request in logs, and in X-Request-Id of errors and of answers to requests that bring
  // one: theirs, if it is of at most 64 letters, digits and -._, else one that is made up.
  std::string_view request_id() const;

  // The whole body, at most `most_bytes`; followed by Buffer::kPadding readable bytes. Errors: 413,
  // 408, 400 (bad chunks), 503 (too much is held for others), and status 0 if the connection broke.
  Task<HttpResult<std::string_view>> body(std::uint64_t most_bytes);
  // The next piece of the body, empty at its end; good until the next call.
  Task<HttpResult<std::string_view>> next_piece();

  // For bodies that may pause as long as they like, such as a stream of events. When the server
  // drains, reading fails with the code `draining` (503).
  void allow_pauses() { pauses_allowed_ = true; }
  // Reading such a body fails with this as soon as it pauses.
  void end_pauses(const HttpError& why) { pause_end_ = why; }

  // A header that every response of this exchange gets; the views must outlive it.
  void add_header(std::string_view name, std::string_view value);

  void respond(int status, std::string_view content_type, std::string_view body,
               std::initializer_list<ResponseHeader> headers = {});
  void respond_empty(int status, std::initializer_list<ResponseHeader> headers = {});
  // `{"error":{"code":…,"message":…}}`
  void refuse(const HttpError& error);
  void refuse(int status, std::string_view code, std::string_view message,
              std::initializer_list<ResponseHeader> headers = {});

  // A response whose end is not known yet. False: the client is gone.
  Task<bool> start_stream(int status, std::string_view content_type);
  Task<bool> write(std::string_view bytes);
  Task<bool> finish_stream();

  // For a handler that lets somebody else serve the socket: sends what earlier responses are still
  // due, then gives the head for a response that ends with the connection.
  Task<bool> flush();
  std::string head_until_close(int status, std::string_view content_type,
                               std::initializer_list<ResponseHeader> headers = {});
  // The same for a response in chunks, which says where it ends: for clients of HTTP/1.1 only.
  std::string head_in_chunks(int status, std::string_view content_type);
  Descriptor descriptor() const;
  void socket_taken() { taken_ = true; }  // it is not the connection's any more

  // For a handler that goes on in another protocol, on the connection's own socket and scope, which
  // stay the connection's: it ends when the handler returns. Sends what earlier responses are still
  // due and then `response`, the head of a 101 as it is on the wire. False: the client is gone.
  Task<bool> switch_protocols(std::string_view response);
  const Socket& socket() const;
  Buffer take_input();  // what came in behind the request's head
  // For whoever receives while the handler runs (net/client_watch.h): keeps what belongs to the
  // next request. False once more than `most_bytes` are kept.
  bool keep_input(std::string_view bytes, std::size_t most_bytes);
  // Gives back the memory of the head: head() and all views into it end.
  void release_head();
  bool has_head() const { return has_head_; }
  bool draining() const;
  // Who is told when the server drains, until the handler returns or this is called with null.
  void tell_draining(DrainListener* listener);

  bool responded() const { return status_ != 0; }
  int status() const { return status_; }
  // Of what it was refused with, as far as 32 bytes go; empty if it was not.
  std::string_view error_code() const { return {error_code_.data(), error_code_size_}; }
  bool taken() const { return taken_; }
  // The connection cannot go on after this response.
  void close_after() { close_ = true; }
  void note_status(int status) { status_ = status; }

 private:
  friend class HttpConnection;
  static constexpr std::size_t kMostRequestIdBytes = 64;
  enum class Framing : std::uint8_t { length, chunked, until_close, none };

  void write_head(Buffer& out, int status, std::string_view content_type,
                  std::initializer_list<ResponseHeader> headers, Framing framing,
                  std::uint64_t length);
  Task<HttpResult<std::string_view>> take_length_piece();
  Task<HttpResult<std::string_view>> take_chunked_piece();
  Task<HttpResult<void>> fill();
  std::int64_t body_deadline();
  Task<void> send_continue();
  bool body_finished() const;
  bool body_arrived() const;
  void find_client() const;
  std::optional<std::string_view> forwarded_text(std::string_view said,
                                                 std::string_view header) const;

  HttpConnection& connection_;
  const RequestHead& head_;
  Buffer* head_buffer_ = nullptr;
  std::uint64_t remaining_ = 0;  // of a body with a length
  ChunkedDecoder chunks_;
  std::int64_t body_begin_ns_ = 0;
  std::uint64_t body_bytes_ = 0;  // received since
  std::size_t piece_ = 0;         // bytes at the front of the input that the last piece covered
  Buffer body_;
  std::array<ResponseHeader, 10> extra_{};
  std::size_t extra_count_ = 0;
  int status_ = 0;
  // Found when it is asked for.
  mutable bool client_known_ = false;
  mutable ClientAddress client_;
  mutable std::string_view forwarded_proto_, forwarded_host_;
  mutable std::array<char, kMostRequestIdBytes> request_id_;
  mutable std::uint8_t request_id_size_ = 0;
  std::uint8_t error_code_size_ = 0;
  std::array<char, 32> error_code_;
  bool has_head_ = true;
  bool continue_due_;
  bool pauses_allowed_ = false;
  std::optional<HttpError> pause_end_;
  bool taken_ = false;
  bool close_ = false;
  bool streaming_ = false;
  bool stream_chunked_ = false;
};

}  // namespace ringcast
