#include "net/url.h"

#include <cstdint>
#include <cstring>

#include "net/http_chars.h"

namespace ringcast {
namespace {

constexpr HttpError kBadEscape{400, "bad_percent_escape",
                               "A percent sign must be followed by two hexadecimal digits."};
constexpr HttpError kNullByte{400, "null_byte", "A URL must not contain a null byte."};
constexpr HttpError kTooSmall{500, "buffer_too_small", "The URL does not fit its buffer."};
constexpr HttpError kBadPath{400, "bad_path",
                             "The path must begin with a slash, be UTF-8 and have no control "
                             "characters and no dot segments."};

bool is_continuation(unsigned char c) { return (c & 0xc0) == 0x80; }

// Length of the well-formed multi-byte sequence at the front of `text`, or 0 (RFC 3629 §4).
std::size_t sequence_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = at(0);
  const std::size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(at(i))) return 0;
  }
  if (lead == 0xe0 && at(1) < 0xa0) return 0;   // overlong
  if (lead == 0xed && at(1) >= 0xa0) return 0;  // surrogates
  if (lead == 0xf0 && at(1) < 0x90) return 0;   // overlong
  if (lead == 0xf4 && at(1) >= 0x90) return 0;  // above U+10FFFF
  return length;
}

bool has_control(std::string_view text) {
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return true;
  }
  return false;
}

}  // namespace

HttpResult<std::string_view> percent_decode(std::string_view raw, std::span<char> out,
                                            PlusSign plus) {
  std::size_t written = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (raw.size() - i < 3) return std::unexpected(kBadEscape);
      const int high = chars::hex_value(raw[i + 1]);
      const int low = chars::hex_value(raw[i + 2]);
      if (high < 0 || low < 0) return std::unexpected(kBadEscape);
      c = static_cast<char>(high * 16 + low);
      i += 2;
    } else if (c == '+' && plus == PlusSign::space) {
      c = ' ';
    }
    if (c == '\0') return std::unexpected(kNullByte);
    if (written == out.size()) return std::unexpected(kTooSmall);
    out[written++] = c;
  }
  return std::string_view(out.data(), written);
}

HttpResult<std::string_view> decode_path(std::string_view raw, std::span<char> out) {
  const HttpResult<std::string_view> path = percent_decode(raw, out);
  if (!path) return path;
  if (!path->starts_with('/') || has_control(*path) || has_dot_segment(*path) ||
      !is_valid_utf8(*path)) {
    return std::unexpected(kBadPath);
  }
  return path;
}

bool has_dot_segment(std::string_view path) {
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    if (segment == "." || segment == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

bool is_valid_utf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  while (!text.empty()) {
    if (text.size() >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data(), 8);
      if ((word & kHighBits) == 0) {
        text.remove_prefix(8);
        continue;
      }
    }
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool Query::decode(std::string_view raw, std::string_view& out) {
  const HttpResult<std::string_view> decoded = percent_decode(raw, scratch_, PlusSign::space);
  if (!decoded) {
    error_ = decoded.error();
    return false;
  }
  out = *decoded;
  scratch_ = scratch_.subspan(out.size());
  return true;
}

bool Query::next() {
  while (!failed() && !raw_.empty()) {
    const std::size_t end = raw_.find('&');
    const std::string_view pair = raw_.substr(0, end);
    raw_.remove_prefix(end == std::string_view::npos ? raw_.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    return decode(pair.substr(0, equals), key_) && decode(value, value_);
  }
  return false;
}

}  // namespace ringcast
