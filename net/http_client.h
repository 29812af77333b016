// An HTTP/1.1 client (RFC 9112): one connection, one request at a time, bodies in pieces.
//
//   HttpClient client(scope);
//   if (auto open = co_await client.connect(*addresses); !open) …
//   auto response = co_await client.request({.method = "GET", .target = "/health"});
//   for (;;) {
//     auto piece = co_await client.next_piece(HttpClient::kNoLimit);
//     if (!piece || piece->empty()) break;  // an error, or the end of the body
//   }
//
// Sockets are ordinary descriptors, so it needs no direct ones. Everything that waits ends when the
// scope is cancelled, with the error `cancelled`. An HttpClient must outlive the tasks it gave.
// Errors: connection_refused, unreachable, timed_out, closed_early (the server ended the connection
// before the response was complete), connection_lost, bad_response, too_large, cancelled.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "core/scope.h"
#include "core/socket.h"
#include "net/address.h"
#include "net/chunked.h"

namespace ringcast {

struct HttpUrl {
  std::string host;       // without brackets
  std::string port;       // "80" if the URL has none
  std::string authority;  // for the Host field
  std::string path;       // what comes before every target; without the last slash, mostly empty
};

// `http://HOST[:PORT][/PATH]`. Error: bad_url.
Result<HttpUrl> parse_http_url(std::string_view text);

// All addresses of the host, at least one. May wait for DNS. Error: unknown_host.
Result<std::vector<SocketAddress>> resolve(const HttpUrl& url);

// Everything but the unreserved characters of RFC 3986 §2.3 as %XX.
std::string percent_encode(std::string_view text);

struct ClientHeader {
  std::string name;
  std::string value;
};

// A name is a token; a value has no control characters; framing and connection are the client's
// own. The sentence that says what is wrong, if something is.
std::optional<std::string> header_problem(const ClientHeader& header);

// The views must live until the response has come.
struct ClientRequest {
  std::string_view method = "GET";
  std::string_view host = {};  // of the Host field
  std::string_view target = "/";
  std::span<const ClientHeader> headers = {};  // none that header_problem() objects to
  std::string_view body = {};                  // with a Content-Length, if not chunked
  bool chunked = false;                        // the body comes with send_chunk(), finish_chunks()
};

struct ClientResponse {
  int status = 0;
  std::string reason;
  std::vector<ClientHeader> headers;

  // The first field of that name without regard to case; empty if there is none.
  std::string_view find(std::string_view name) const;
};

struct ClientTimes {
  std::int64_t connect_ms = 10'000;   // for each address
  std::int64_t send_ms = 30'000;      // for each send
  std::int64_t response_ms = 30'000;  // from the end of the request to that of the response's head
};

class HttpClient {
 public:
  static constexpr std::int64_t kNoLimit = -1;
  static constexpr std::size_t kHeadBytesMax = std::size_t{64} << 10;

  explicit HttpClient(Scope& scope, const ClientTimes& times = {});
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { close(); }

  // To the first of the addresses that answers; closes what was open before.
  Task<Result<void>> connect(std::span<const SocketAddress> addresses);
  bool connected() const { return fd_ >= 0; }
  // No task may be under way.
  void close();

  // Sends a request and awaits the head of its final response, or of a 101. A response that comes
  // instead of the rest of the body's acceptance (413, say) is given like any other.
  Task<Result<ClientResponse>> request(ClientRequest request);

  // The parts of it, for bodies whose end is not known yet.
  Task<Result<void>> send_head(ClientRequest request);
  Task<Result<void>> send_chunk(std::string_view data);
  Task<Result<void>> finish_chunks();
  Task<Result<ClientResponse>> response();

  // The next piece of the body, empty at its end; good until the next call.
  Task<Result<std::string_view>> next_piece(std::int64_t limit_ms);
  // The rest of the body. Error also: too_large.
  Task<Result<std::string>> body(std::size_t most_bytes);
  // Bytes as they are: after a response 101 the connection speaks the protocol that was asked for,
  // and next_piece() gives what the server says in it. One caller at a time.
  Task<Result<void>> send(std::string_view bytes);

  // After the end of a body: true if the connection takes another request.
  bool reusable() const { return connected() && finished_ && keep_alive_; }
  // For polling beside the client's own operations.
  Descriptor descriptor() const { return Descriptor::ordinary(fd_); }

 private:
  enum class Framing : std::uint8_t { none, length, chunked, until_close };

  Task<Result<void>> connect_to(SocketAddress address);
  Task<Result<bool>> fill(std::int64_t by);  // false: the server has ended its side
  Task<Result<std::string_view>> take_chunked(std::int64_t by);
  Result<void> settle_framing(const ClientResponse& response);
  std::int64_t after_ms(std::int64_t ms) const;
  Error lost(int error) const;
  std::string_view waiting() const { return {in_.data() + begin_, end_ - begin_}; }

  Scope& scope_;
  ClientTimes times_;
  int fd_ = -1;
  std::string peer_;
  std::vector<char> in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  Framing framing_ = Framing::none;
  ChunkedDecoder chunks_;
  std::uint64_t remaining_ = 0;
  bool head_request_ = false;
  bool keep_alive_ = false;
  bool finished_ = true;
};

}  // namespace ringcast
