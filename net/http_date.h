// The Date header (RFC 9110 §5.6.7, IMF-fixdate): `Sun, 06 Nov 1994 08:49:37 GMT`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace ringcast {

inline constexpr std::size_t kHttpDateBytes = 29;

// Writes the date of `unix_seconds` (years 1970 to 9999; times outside are moved to the nearer end,
// because a clock that is wrong must not break the response). No locale, no allocation.
void format_http_date(std::int64_t unix_seconds, std::span<char, kHttpDateBytes> out);

// Remembers the date of one second, so that a busy core formats it once a second. One per core:
// it is not synchronised. The caller brings the time, so that nothing here reads a clock.
class HttpDateCache {
 public:
  // The view is good until the next call.
  std::string_view at(std::int64_t unix_seconds) {
    if (unix_seconds != second_) {
      format_http_date(unix_seconds, text_);
      second_ = unix_seconds;
    }
    return {text_.data(), text_.size()};
  }

 private:
  std::int64_t second_ = std::numeric_limits<std::int64_t>::min();
  std::array<char, kHttpDateBytes> text_{};
};

}  // namespace ringcast
