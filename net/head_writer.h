// Writes the head of a response (RFC 9112 §4, §5) into a buffer of the caller, without allocating.
//
//   HeadWriter head(buffer, 200, date_cache.at(now));
//   head.header("Content-Type", "application/json");
//   head.content_length(body.size());
//   const std::string_view text = head.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace ringcast {

// What an HTTP/1.1 client is told that waits for leave to send its body (RFC 9110 §10.1.1).
inline constexpr std::string_view kContinueResponse = "HTTP/1.1 100 Continue\r\n\r\n";

// Every error sticks and makes finish() return an empty view: a buffer that is too small, a name
// that is no token, a value with control characters (so that no text of a request can add a header
// of its own), framing that is missing, given twice or not allowed with the status.
class HeadWriter {
 public:
  // Writes the status line and Date; an empty `date` leaves Date out (a server without a clock).
  HeadWriter(std::span<char> out, int status, std::string_view date);

  // Content-Length and Transfer-Encoding are refused here: they are the framing, below.
  void header(std::string_view name, std::string_view value);
  void header(std::string_view name, std::uint64_t value);

  // How the body ends. Exactly one of these, but for 1xx, 204 and 304, which take none.
  void content_length(std::uint64_t bytes);
  void chunked();
  void until_close();  // also says Connection: close

  void connection_close();       // at most once; until_close() says it already
  void connection_keep_alive();  // for HTTP/1.0, where it is not the default

  // Ends the head and returns it. Empty after an error.
  std::string_view finish();
  bool failed() const { return failed_; }

 private:
  void frame();
  void connection(std::string_view value);
  void line(std::string_view name, std::string_view value);
  void put(std::string_view text);

  std::span<char> out_;
  std::size_t written_ = 0;
  int status_;
  bool framed_ = false;
  bool has_connection_ = false;
  bool failed_ = false;
};

}  // namespace ringcast
