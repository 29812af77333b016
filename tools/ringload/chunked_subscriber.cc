#include "tools/ringload/chunked_subscriber.h"

#include "tools/ringload/fleet.h"

namespace ringcast::load {

void ChunkedSubscriber::ask(const TemplateValues& values, std::string& out) const {
  render_line_subscribe(fleet().options().target, values, out);
}

std::string ChunkedSubscriber::objection(const ResponseHead& head) const {
  // Of events in another form some lines have stamps, too.
  if (head.content_type.starts_with("text/event-stream")) {
    return "the answer is an event stream instead of lines";
  }
  if (!head.chunked) return "the answer is not chunked";
  return {};
}

bool ChunkedSubscriber::take_content(std::string_view content) {
  return lines_.feed(content, [this](std::string_view line) { take_line(line); });
}

void ChunkedSubscriber::take_line(std::string_view line) {
  Stamp stamp;
  if (stamps_.find(fleet().arrivals().codec, line, stamp)) [[likely]] {
    return take_stamp(stamp);
  }
  const std::string& gap = fleet().options().target.chunked.gap;
  !gap.empty() && line.contains(gap) ? take_gap() : take_foreign();
}

}  // namespace ringcast::load
