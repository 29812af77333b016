// Reads HTTP/1.1 response heads, and the short responses to publish requests, for any split of the
// bytes (RFC 9112 §4, §6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tools/ringload/chunked_decoder.h"

namespace ringcast::load {

struct ResponseHead {
  int status = 0;
  bool chunked = false;
  bool close = false;                // the connection ends with this response
  std::int64_t content_length = -1;  // -1: not given
  // Point into the text that they were read from.
  std::string_view content_type;
  std::string_view websocket_accept;
  std::string_view mcp_session_id;
};

inline constexpr std::size_t kResponseHeadBytesMax = 64 << 10;

// `text`: the head with its empty line. Error: bad_response.
Result<ResponseHead> parse_response_head(std::string_view text);

// The length of the head at the front of `bytes` with its empty line, or 0.
std::size_t find_head_end(std::string_view bytes);

// Responses on a keep-alive connection, one after the other.
class ResponseReader {
 public:
  enum class State : std::uint8_t { needs_more, complete, failed };

  static constexpr std::size_t kBodyBytesKept = 512;

  // `body_bytes_kept`: of each body, from its front.
  explicit ResponseReader(std::size_t body_bytes_kept = kBodyBytesKept)
      : body_bytes_kept_(body_bytes_kept) {}

  // Looks at `bytes` until one response is complete; what lies behind it (from consumed() on) is to
  // be fed again after next().
  State feed(std::string_view bytes);
  // The connection has ended; completes a response that lasts until then.
  State end();
  // Makes ready for the next response.
  void next();

  std::size_t consumed() const { return consumed_; }
  int status() const { return status_; }
  bool close() const { return close_; }
  bool idle() const { return phase_ == Phase::head && head_.empty(); }
  // Once the head is there, until next().
  const ResponseHead* head() const { return phase_ == Phase::head ? nullptr : &parsed_; }
  std::string_view body() const { return body_; }           // as much of it as is kept
  std::uint64_t body_bytes() const { return body_bytes_; }  // all of it
  const std::string& error() const { return error_; }

 private:
  enum class Phase : std::uint8_t { head, length, chunked, until_close, complete, failed };

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void start_body(const ResponseHead& head);
  void keep(std::string_view bytes);
  void fail_with(std::string message);

  Phase phase_ = Phase::head;
  std::size_t body_bytes_kept_;
  std::string head_;
  // Of the response before, and what it says is in parsed_: within a second and with bodies of the
  // same length, a server's heads are all the same, and are not read again.
  std::string last_head_;
  ResponseHead parsed_;
  std::string body_;
  std::uint64_t body_bytes_ = 0;
  std::string error_;
  ChunkedDecoder chunks_;
  std::int64_t left_ = 0;
  std::size_t consumed_ = 0;
  int status_ = 0;
  bool close_ = false;
};

// Whether `text`, a response from its start, is there to its end (or past hope).
bool is_whole_response(std::string_view text);
// What a server said instead of a stream, as far as it has come: status line and body.
std::string describe_refusal(std::string_view text);

}  // namespace ringcast::load
