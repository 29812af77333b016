#include "net/url.h"

#include "core/utf8.h"
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

std::string_view raw_parameter(std::string_view raw, std::string_view key) {
  while (!raw.empty()) {
    const std::string_view pair = raw.substr(0, raw.find('&'));
    raw.remove_prefix(std::min(pair.size() + 1, raw.size()));
    if (pair.starts_with(key) && pair.size() > key.size() && pair[key.size()] == '=') {
      return pair.substr(key.size() + 1);
    }
  }
  return {};
}

std::optional<std::string> query_value(std::string_view raw, std::string_view key) {
  std::string scratch(raw.size() + 1, '\0');
  Query query(raw, scratch);
  while (query.next()) {
    if (query.key() == key) return std::string(query.value());
  }
  return {};
}

}  // namespace ringcast
