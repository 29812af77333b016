#include "protocol/batch_parser.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringcast {
namespace {

// A byte of data takes so many in JSON at most: `\u0000`.
constexpr std::size_t kMostEscapedBytes = 6;
// What an event has beside its data, with room for blanks.
constexpr std::size_t kMostOtherBytes = 64 << 10;
// With a guess at how many events there are, few are moved while their number grows.
constexpr std::size_t kLikelyEventBytes = 128;

}  // namespace

void BatchParser::begin(std::string_view body, const Limits& limits) {
  body_ = body;
  most_event_bytes_ = limits.max_event_bytes;
  most_events_ = limits.max_batch_events;
  form_ = Form::unknown;
  utf8_.reset();
  looked_ = line_ = 0;
  events_.clear();
  events_.reserve(std::min(most_events_, body.size() / kLikelyEventBytes + 1));
  texts_.clear();
  texts_.reserve(body.size() + 1);
}

Result<BatchParser::Progress> BatchParser::read_on(std::size_t most_bytes) {
  const std::size_t until = looked_ + std::min(most_bytes, body_.size() - looked_);
  // An event that ends within this slice is text as a whole, then.
  if (!utf8_.feed(body_.substr(looked_, until - looked_)) ||
      (until == body_.size() && !utf8_.at_boundary())) {
    return fail("bad_utf8", "The data is not valid UTF-8.");
  }
  if (form_ == Form::unknown) {
    skip_blanks(until);
    if (line_ < until) {
      form_ = body_[line_] == '[' ? Form::array : Form::lines;
      elements_ = JsonElements(body_.substr(line_));
    }
  }
  Result<void> read;
  if (form_ == Form::array) read = read_elements(until - line_);
  if (form_ == Form::lines) read = read_lines(until);
  if (!read) return std::unexpected(std::move(read.error()));
  looked_ = until;
  return until == body_.size() ? Progress::done : Progress::more;
}

Result<void> BatchParser::read_elements(std::size_t until) {
  for (;;) {
    const auto found = elements_.next(until);
    const std::size_t number = events_.size() + 1;
    if (found == JsonElements::Found::end) return {};
    if (found == JsonElements::Found::broken) {
      return bad_event_json(number, "a comma or a bracket is missing or superfluous");
    }
    if (found == JsonElements::Found::element) {
      if (auto read = read_event(elements_.element()); !read) return read;
      continue;
    }
    if (const std::size_t begun = elements_.begun_bytes(); begun != 0) {
      if (auto may = may_take(begun); !may) return may;
    }
    if (found == JsonElements::Found::too_deep) {
      return bad_event_json(number, "its brackets nest too deep");
    }
    if (line_ + until == body_.size()) return bad_event_json(number, "the array is cut off");
    return {};
  }
}

Result<void> BatchParser::read_lines(std::size_t until) {
  std::size_t from = looked_;  // what lies before has no end of a line
  for (;;) {
    skip_blanks(until);
    if (line_ == until) return {};
    from = std::max(from, line_);
    std::size_t end = body_.substr(0, until).find('\n', from);
    if (end == std::string_view::npos) {
      if (until < body_.size()) return may_take(until - line_);
      end = until;
    }
    if (auto read = read_event(body_.substr(line_, end - line_)); !read) return read;
    line_ = std::min(end + 1, until);
  }
}

Result<void> BatchParser::read_event(std::string_view json) {
  if (auto may = may_take(json.size()); !may) return may;
  auto event = reader_.read(json, events_.size() + 1, most_event_bytes_, texts_);
  if (!event) return std::unexpected(std::move(event.error()));
  events_.push_back(*event);
  return {};
}

// Whether there may be one more event, of so many bytes of JSON.
Result<void> BatchParser::may_take(std::size_t bytes) const {
  if (events_.size() >= most_events_) {
    return fail("too_many_events", fmt::format("A batch may have {} events.", most_events_));
  }
  const std::size_t data = bytes - std::min(bytes, kMostOtherBytes);
  if (data / kMostEscapedBytes > most_event_bytes_) {
    return event_too_large(events_.size() + 1, most_event_bytes_);
  }
  return {};
}

void BatchParser::skip_blanks(std::size_t until) {
  while (line_ < until && is_json_blank(body_[line_])) ++line_;
}

}  // namespace ringcast
