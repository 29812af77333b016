#include "net/http_head.h"

#include <algorithm>
#include <limits>

#include "net/head_referee.h"
#include "net/http_chars.h"

namespace ringcast {
namespace {

using Refusal = std::optional<HttpError>;

constexpr HttpError kBadRequestLine{400, "bad_request_line", "The request line is malformed."};
constexpr HttpError kBadMethod{400, "bad_method", "The method is not a token."};
constexpr HttpError kBadTarget{400, "bad_target", "The request target is malformed."};
constexpr HttpError kBadVersion{400, "bad_version", "The HTTP version is malformed."};
constexpr HttpError kOtherVersion{505, "version_not_supported",
                                  "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
constexpr HttpError kLongHead{431, "head_too_large", "The request head is too large."};
constexpr HttpError kManyHeaders{431, "too_many_headers", "The request has too many headers."};
constexpr HttpError kBadHeader{400, "bad_header", "A header line is malformed."};
constexpr HttpError kBadHost{400, "bad_host", "The Host header is malformed."};
constexpr HttpError kNoHost{400, "missing_host", "An HTTP/1.1 request needs a Host header."};
constexpr HttpError kManyHosts{400, "repeated_host", "The Host header is repeated."};
constexpr HttpError kBadLength{400, "bad_content_length", "The Content-Length is not a number."};
constexpr HttpError kManyLengths{400, "repeated_content_length",
                                 "The Content-Length header is repeated."};
constexpr HttpError kTwoLengths{400, "ambiguous_body_length",
                                "Content-Length and Transfer-Encoding exclude each other."};
constexpr HttpError kBadCoding{400, "bad_transfer_encoding",
                               "The Transfer-Encoding must be chunked, once."};
constexpr HttpError kOtherCoding{501, "unknown_transfer_encoding",
                                 "The only known transfer coding is chunked."};
constexpr HttpError kOldCoding{400, "bad_transfer_encoding",
                               "HTTP/1.0 knows no Transfer-Encoding."};
constexpr HttpError kExpectation{417, "unknown_expectation",
                                 "The only known expectation is 100-continue."};
constexpr HttpError kDisagreement{400, "ambiguous_head",
                                  "The request head can be read in more than one way."};

struct MethodName {
  std::string_view text;
  Method method;
};

constexpr std::array<MethodName, 9> kMethods{{{"GET", Method::get},
                                              {"HEAD", Method::head},
                                              {"POST", Method::post},
                                              {"PUT", Method::put},
                                              {"DELETE", Method::del},
                                              {"CONNECT", Method::connect},
                                              {"OPTIONS", Method::options},
                                              {"TRACE", Method::trace},
                                              {"PATCH", Method::patch}}};

Method method_of(std::string_view text) {
  for (const MethodName& known : kMethods) {
    if (known.text == text) return known.method;
  }
  return Method::other;
}

bool is_port(std::string_view text) {
  if (text.size() > 5 || !chars::all(text, chars::kDigit)) return false;
  unsigned port = 0;
  for (char c : text) port = port * 10 + static_cast<unsigned>(c - '0');
  return port <= 65535;
}

bool is_reg_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (chars::is(text[i], chars::kRegName)) continue;
    if (text[i] != '%' || text.size() - i < 3 || !chars::all(text.substr(i + 1, 2), chars::kHex)) {
      return false;
    }
    i += 2;
  }
  return true;
}

// uri-host [ ":" port ] with a host that is not empty (RFC 3986 §3.2, RFC 9110 §4.2.1). No user
// information: in a request it is only ever a disguise for the host.
bool is_authority(std::string_view text, bool needs_port) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (char c : text.substr(1, close - 1)) {
      if (!chars::is(c, chars::kHex) && c != ':' && c != '.') return false;
    }
    const std::string_view rest = text.substr(close + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) return false;
    if (has_port) port = rest.substr(1);
  } else {
    const std::size_t colon = text.find(':');
    const std::string_view name = text.substr(0, colon);
    if (name.empty() || !is_reg_name(name)) return false;
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
  }
  return is_port(port) && (!needs_port || !port.empty());
}

// What a transfer coding that is not plainly `chunked` is refused with: 501 says that we do not
// know one of the codings, 400 that the list makes no sense whatever one knows (RFC 9112 §6.1).
HttpError coding_error(std::string_view list) {
  bool unknown = false;
  std::string_view member;
  while (chars::next_member(list, member)) {
    if (!chars::is_token(member)) return kBadCoding;
    unknown = unknown || !chars::iequals(member, "chunked");
  }
  return unknown ? kOtherCoding : kBadCoding;
}

}  // namespace

// The steps of parse_head(), in order; each refuses or leaves its part in `out_`.
class HeadParser {
 public:
  HeadParser(std::string_view head, RequestHead& out) : head_(head), out_(out) {}

  Refusal parse() {
    if (head_.size() > RequestHead::kBytesMax) return kLongHead;
    if (Refusal r = parse_request_line()) return r;
    if (Refusal r = parse_fields()) return r;
    for (std::size_t i = 0; i < out_.field_count_; ++i) {
      if (Refusal r = interpret(out_.field(i))) return r;
    }
    if (Refusal r = check_framing()) return r;
    out_.keep_alive = !close_ && (out_.version_minor == 1 || keep_alive_);
    if (out_.version_minor == 0) out_.expect_continue = false;  // RFC 9110 §10.1.1
    if (hosts_ == 0 && out_.version_minor == 1) return kNoHost;
    if (Refusal r = resolve_target()) return r;
    if (!llhttp_agrees(head_.substr(fields_begin_), out_)) return kDisagreement;
    return std::nullopt;
  }

 private:
  Refusal parse_request_line();
  Refusal parse_fields();
  Refusal parse_field(std::string_view line, std::size_t begin);
  Refusal interpret(const HeaderField& field);
  Refusal parse_length(std::string_view text);
  Refusal check_framing();
  Refusal resolve_target();
  Refusal resolve_absolute(std::size_t authority_begin);
  void split_path(std::string_view path_and_query);

  std::string_view head_;
  RequestHead& out_;
  std::size_t fields_begin_ = 0;
  std::size_t hosts_ = 0;
  std::size_t codings_ = 0;
  std::string_view coding_;
  bool close_ = false;
  bool keep_alive_ = false;
};

Refusal HeadParser::parse_request_line() {
  const std::size_t end = head_.find("\r\n");
  if (end == std::string_view::npos) return kBadRequestLine;
  const std::string_view line = head_.substr(0, end);
  fields_begin_ = end + 2;

  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return kBadRequestLine;
  out_.method_text = line.substr(0, first);
  out_.target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);

  if (!chars::is_token(out_.method_text)) return kBadMethod;
  // Blanks in the middle, which would make more than three parts, are no target characters either.
  if (out_.target.empty() || !chars::all(out_.target, chars::kTarget)) return kBadTarget;
  if (version.size() != 8 || !version.starts_with("HTTP/") || version[6] != '.' ||
      !chars::is(version[5], chars::kDigit) || !chars::is(version[7], chars::kDigit)) {
    return kBadVersion;
  }
  if (version[5] != '1' || version[7] > '1') return kOtherVersion;
  out_.version_minor = static_cast<std::uint8_t>(version[7] - '0');
  out_.method = method_of(out_.method_text);
  return std::nullopt;
}

Refusal HeadParser::parse_field(std::string_view line, std::size_t begin) {
  // A name is a token up to the colon: this refuses folded lines, blanks before the colon and lines
  // without a colon as well (RFC 9112 §5.1, §5.2).
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !chars::is_token(line.substr(0, colon))) return kBadHeader;
  const std::string_view value = chars::trim(line.substr(colon + 1));
  if (chars::field_text_length(value) != value.size()) return kBadHeader;
  if (out_.field_count_ == RequestHead::kFieldsMax) return kManyHeaders;
  const std::size_t value_begin =
      value.empty() ? begin + colon + 1
                    : begin + static_cast<std::size_t>(value.data() - line.data());
  out_.places_[out_.field_count_++] = {
      static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(colon),
      static_cast<std::uint16_t>(value_begin), static_cast<std::uint16_t>(value.size())};
  return std::nullopt;
}

Refusal HeadParser::parse_fields() {
  out_.base_ = head_.data();
  out_.field_count_ = 0;
  std::size_t begin = fields_begin_;
  while (true) {
    const std::size_t end = head_.find('\r', begin);
    // The empty line is the last one, and the head ends with it.
    if (end == std::string_view::npos || end + 1 >= head_.size() || head_[end + 1] != '\n') {
      return kBadHeader;
    }
    if (end == begin) return end + 2 == head_.size() ? Refusal{} : kBadHeader;
    if (Refusal r = parse_field(head_.substr(begin, end - begin), begin)) return r;
    begin = end + 2;
  }
}

// 1*DIGIT and nothing else: no sign, no list, no blanks inside (RFC 9110 §8.6).
Refusal HeadParser::parse_length(std::string_view text) {
  if (out_.content_length) return kManyLengths;
  if (text.empty() || !chars::all(text, chars::kDigit)) return kBadLength;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t length = 0;
  for (char c : text) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (length > (kMax - digit) / 10) return kBadLength;
    length = length * 10 + digit;
  }
  out_.content_length = length;
  return std::nullopt;
}

Refusal HeadParser::interpret(const HeaderField& field) {
  const auto named = [&](std::string_view name) { return chars::iequals(field.name, name); };
  switch (field.name.size()) {
    case 4:
      if (!named("host")) break;
      if (++hosts_ > 1) return kManyHosts;
      // Empty is what a client sends whose target has no authority (RFC 9110 §7.2).
      if (!field.value.empty() && !is_authority(field.value, false)) return kBadHost;
      out_.host = field.value;
      break;
    case 6:
      if (!named("expect")) break;
      if (!chars::iequals(field.value, "100-continue")) return kExpectation;
      out_.expect_continue = true;
      break;
    case 10:
      if (!named("connection")) break;
      for (std::string_view list = field.value, member; chars::next_member(list, member);) {
        close_ = close_ || chars::iequals(member, "close");
        keep_alive_ = keep_alive_ || chars::iequals(member, "keep-alive");
      }
      break;
    case 14:
      if (named("content-length")) return parse_length(field.value);
      break;
    case 17:
      if (!named("transfer-encoding")) break;
      ++codings_;
      coding_ = field.value;
      break;
    default:
      break;
  }
  return std::nullopt;
}

Refusal HeadParser::check_framing() {
  if (codings_ == 0) return std::nullopt;
  if (out_.content_length) return kTwoLengths;
  if (out_.version_minor == 0) return kOldCoding;
  if (codings_ > 1) return kBadCoding;
  if (!chars::iequals(coding_, "chunked")) return coding_error(coding_);
  out_.chunked = true;
  return std::nullopt;
}

void HeadParser::split_path(std::string_view path_and_query) {
  const std::size_t mark = path_and_query.find('?');
  out_.path = path_and_query.substr(0, mark);
  if (mark != std::string_view::npos) out_.query = path_and_query.substr(mark + 1);
}

// The four forms of a request target (RFC 9112 §3.2).
Refusal HeadParser::resolve_target() {
  const std::string_view target = out_.target;
  if (out_.method == Method::connect) {
    if (!is_authority(target, true)) return kBadTarget;
    out_.host = target;
    return std::nullopt;
  }
  if (target == "*") {
    if (out_.method != Method::options) return kBadTarget;
    out_.path = target;
    return std::nullopt;
  }
  if (target.starts_with('/')) {
    split_path(target);
    return std::nullopt;
  }
  for (std::string_view scheme : {"http://", "https://"}) {
    if (chars::iequals(target.substr(0, scheme.size()), scheme)) {
      return resolve_absolute(scheme.size());
    }
  }
  return kBadTarget;
}

Refusal HeadParser::resolve_absolute(std::size_t authority_begin) {
  const std::string_view rest = out_.target.substr(authority_begin);
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  if (!is_authority(rest.substr(0, end), false)) return kBadTarget;
  out_.host = rest.substr(0, end);
  split_path(rest.substr(end));
  if (out_.path.empty()) out_.path = "/";
  return std::nullopt;
}

std::optional<HttpError> parse_head(std::string_view head, RequestHead& out) {
  out.path = out.query = out.host = {};
  out.content_length.reset();
  out.chunked = out.expect_continue = false;
  return HeadParser(head, out).parse();
}

std::optional<std::string_view> RequestHead::find(std::string_view name) const {
  for (std::size_t i = 0; i < field_count_; ++i) {
    const HeaderField f = field(i);
    if (chars::iequals(f.name, name)) return f.value;
  }
  return std::nullopt;
}

std::size_t RequestHead::count(std::string_view name) const {
  std::size_t found = 0;
  for (std::size_t i = 0; i < field_count_; ++i) found += chars::iequals(field(i).name, name);
  return found;
}

bool RequestHead::has_token(std::string_view name, std::string_view token) const {
  for (std::size_t i = 0; i < field_count_; ++i) {
    const HeaderField f = field(i);
    if (!chars::iequals(f.name, name)) continue;
    for (std::string_view list = f.value, member; chars::next_member(list, member);) {
      if (chars::iequals(member, token)) return true;
    }
  }
  return false;
}

bool RequestHead::wants_upgrade(std::string_view protocol) const {
  return version_minor == 1 && has_token("connection", "upgrade") && has_token("upgrade", protocol);
}

}  // namespace ringcast
