#include "net/head_scanner.h"

#include <algorithm>

#include "net/http_chars.h"

namespace ringcast {
namespace {

constexpr HttpError kBareLineBreak{400, "bare_line_break", "Lines must end with CR LF."};
constexpr HttpError kBadRequestLine{400, "bad_request_line", "The request line is malformed."};
constexpr HttpError kBadMethod{400, "bad_method", "This is not an HTTP/1.1 request."};
constexpr HttpError kLongMethod{501, "unknown_method", "The method is too long to be known."};
constexpr HttpError kBadTarget{400, "bad_target",
                               "The request target has characters that are not allowed in it."};
constexpr HttpError kBadVersion{400, "bad_version", "The HTTP version is malformed."};
constexpr HttpError kOtherVersion{505, "version_not_supported",
                                  "Only HTTP/1.0 and HTTP/1.1 are spoken here."};
constexpr HttpError kEmptyLines{400, "too_many_empty_lines",
                                "Too many empty lines before the request."};
constexpr HttpError kFoldedLine{400, "folded_line", "A header line must not begin with a blank."};
constexpr HttpError kControl{400, "control_character",
                             "A header line has a control character in it."};
constexpr HttpError kLongLine{414, "uri_too_long", "The request line is too long."};
constexpr HttpError kLongHead{431, "head_too_large", "The request head is too large."};
constexpr HttpError kManyHeaders{431, "too_many_headers", "The request has too many headers."};

bool is_line_break(char c) { return c == '\r' || c == '\n'; }

}  // namespace

void HeadScanner::reset() { *this = HeadScanner(limits_); }

bool HeadScanner::fail(const HttpError& error) {
  error_ = error;
  phase_ = Phase::failed;
  return false;
}

bool HeadScanner::expect_lf(char c, Phase next) {
  if (c != '\n') return fail(kBareLineBreak);
  phase_ = next;
  return true;
}

// The limits are looked at before the byte itself, so that they do not depend on what it is.
bool HeadScanner::over_limit() {
  if (phase_ <= Phase::empty_line_lf) return false;
  const std::size_t length = position_ - begin_;
  // One more byte than the limit is the CR of a line of just that length.
  if (phase_ <= Phase::version && length > limits_.max_request_line) return !fail(kLongLine);
  if (length >= limits_.max_head_bytes) return !fail(kLongHead);
  return false;
}

bool HeadScanner::step_version(char c) {
  constexpr std::string_view kForm = "HTTP/";
  const std::size_t at = position_ - token_;
  if (at < kForm.size()) return c == kForm[at] || fail(kBadRequestLine);
  if (at == 6) return c == '.' || fail(kBadVersion);
  if (at == 5 || at == 7) {
    (at == 5 ? major_ : minor_) = c;
    return chars::is(c, chars::kDigit) || fail(kBadVersion);
  }
  if (c != '\r') return fail(c == '\n' ? kBareLineBreak : kBadVersion);
  if (major_ != '1' || minor_ > '1') return fail(kOtherVersion);
  phase_ = Phase::request_line_lf;
  return true;
}

bool HeadScanner::step_request_line(char c) {
  if (phase_ == Phase::version) return step_version(c);
  const std::size_t length = position_ - token_;
  if (phase_ == Phase::method) {
    if (chars::is(c, chars::kToken)) return length < kMethodBytesMax || fail(kLongMethod);
    if (c != ' ' || length == 0) return fail(kBadMethod);
    phase_ = Phase::target;
  } else {
    if (chars::is(c, chars::kTarget)) return true;
    if (c != ' ' || length == 0) return fail(is_line_break(c) ? kBadRequestLine : kBadTarget);
    phase_ = Phase::version;
  }
  token_ = position_ + 1;
  return true;
}

bool HeadScanner::step(char c) {
  switch (phase_) {
    case Phase::empty_line:
      if (c == '\r') {
        phase_ = Phase::empty_line_lf;
        return true;
      }
      begin_ = token_ = position_;
      phase_ = Phase::method;
      return c == '\n' ? fail(kBareLineBreak) : step_request_line(c);
    case Phase::empty_line_lf:
      if (++empty_lines_ > kEmptyLinesMax) return fail(kEmptyLines);
      return expect_lf(c, Phase::empty_line);
    case Phase::method:
    case Phase::target:
    case Phase::version:
      return step_request_line(c);
    case Phase::request_line_lf:
    case Phase::field_lf:
      return expect_lf(c, Phase::field_start);
    case Phase::field_start:
      if (c == '\r') {
        phase_ = Phase::end_lf;
        return true;
      }
      if (chars::is_blank(c)) return fail(kFoldedLine);
      if (++headers_ > limits_.max_headers) return fail(kManyHeaders);
      phase_ = Phase::field;
      [[fallthrough]];
    case Phase::field:
      if (chars::is(c, chars::kFieldText)) return true;
      if (c != '\r') return fail(c == '\n' ? kBareLineBreak : kControl);
      phase_ = Phase::field_lf;
      return true;
    case Phase::end_lf:
      return expect_lf(c, Phase::complete);
    case Phase::complete:
    case Phase::failed:
      break;
  }
  return false;
}

// Most of a head is the target and the text of fields: the fast way through them, up to a byte that
// ends them or a limit.
void HeadScanner::skip_text(std::string_view bytes) {
  const std::size_t head_end = begin_ + limits_.max_head_bytes;
  if (phase_ == Phase::field) {
    const std::size_t end = std::min(bytes.size(), head_end);
    if (position_ < end) {
      position_ += chars::field_text_length(bytes.substr(position_, end - position_));
    }
  } else if (phase_ == Phase::target) {
    const std::size_t end = std::min({bytes.size(), head_end, begin_ + limits_.max_request_line});
    while (position_ < end && chars::is(bytes[position_], chars::kTarget)) ++position_;
  }
}

HeadScanner::State HeadScanner::scan(std::string_view bytes) {
  while (phase_ < Phase::complete && position_ < bytes.size()) {
    skip_text(bytes);
    if (position_ == bytes.size()) break;
    if (over_limit() || !step(bytes[position_])) break;
    ++position_;
  }
  if (phase_ == Phase::complete) return State::complete;
  return phase_ == Phase::failed ? State::failed : State::needs_more;
}

}  // namespace ringcast
