#include "tools/ringload/sse_subscriber.h"

#include <fmt/format.h>

#include "tools/ringload/fleet.h"

namespace ringcast::load {

void SseSubscriber::ask(const TemplateValues& values, std::string& out) const {
  render_subscribe(fleet().options().target, values, out);
}

std::string SseSubscriber::objection(const ResponseHead& head) const {
  if (head.content_type.starts_with("text/event-stream")) return {};
  return fmt::format("the answer is no event stream but `{}`", head.content_type);
}

bool SseSubscriber::take_content(std::string_view content) {
  const Arrivals& arrivals = fleet().arrivals();
  return stream_.feed(content, arrivals.codec, arrivals.payload_bytes, *this);
}

}  // namespace ringcast::load
