// Finds the end of a request head in a buffer that grows, and refuses at once what no further bytes
// could repair (RFC 9112 §2.2, §3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/http_status.h"

namespace ringcast {

struct HeadLimits {
  std::size_t max_request_line = 8192;  // bytes without CRLF; beyond: 414
  std::size_t max_head_bytes = 16384;   // request line to empty line; beyond: 431; <= 65535
  std::size_t max_headers = 100;        // beyond: 431; <= RequestHead::kFieldsMax
};

// One per connection. The verdict depends on the bytes alone, never on how they were cut into
// reads.
//
// Refused here, at the byte that shows it: a bare CR or LF, NUL and every other control character,
// a method that is no token (thus a TLS ClientHello at its first byte), a target with characters
// that are not allowed in one, blanks other than the two single spaces of the request line, a
// malformed version (400), versions other than 1.0 and 1.1 (505), folded lines, and the limits.
// Up to kEmptyLinesMax empty lines before the request line are passed over.
class HeadScanner {
 public:
  enum class State : std::uint8_t { needs_more, complete, failed };
  static constexpr std::size_t kEmptyLinesMax = 4;
  static constexpr std::size_t kMethodBytesMax = 64;  // beyond: 501

  explicit HeadScanner(const HeadLimits& limits = {}) : limits_(limits) {}

  // `bytes` is all that was received since the last reset(): what was given before, plus more. The
  // buffer may have moved. Looks only at what is new. After complete or failed it changes nothing.
  State scan(std::string_view bytes);

  // After complete: the head, from the first byte of the request line to the empty line inclusive.
  std::string_view head(std::string_view bytes) const {
    return bytes.substr(begin_, position_ - begin_);
  }
  // After complete: how many bytes of the buffer are used up, leading empty lines included.
  std::size_t consumed() const { return position_; }
  // True when nothing but empty lines has come: the connection is idle, not in a slow request.
  bool idle() const { return phase_ <= Phase::empty_line_lf; }
  const HttpError& error() const { return error_; }

  void reset();
  // After reset(): so many bytes are a head, which was found out elsewhere (net/head_cache.h).
  void take(std::size_t bytes) {
    position_ = bytes;
    phase_ = Phase::complete;
    known_ = true;
  }
  bool known() const { return known_; }

 private:
  enum class Phase : std::uint8_t {
    empty_line,
    empty_line_lf,
    method,
    target,
    version,
    request_line_lf,
    field_start,
    field,
    field_lf,
    end_lf,
    complete,
    failed,
  };

  bool step(char c);
  bool step_request_line(char c);
  bool step_version(char c);
  bool expect_lf(char c, Phase next);
  void skip_text(std::string_view bytes);
  bool over_limit();
  bool fail(const HttpError& error);

  HeadLimits limits_;
  std::size_t position_ = 0;  // next byte to look at
  std::size_t begin_ = 0;     // first byte of the request line
  std::size_t token_ = 0;     // first byte of the part of the request line at hand
  std::size_t headers_ = 0;
  std::size_t empty_lines_ = 0;
  Phase phase_ = Phase::empty_line;
  char major_ = 0;
  char minor_ = 0;
  bool known_ = false;
  HttpError error_;
};

}  // namespace ringcast
