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

template <class Sink>
bool SseSubscriber::feed(std::string_view content, Sink& sink) {
  const Arrivals& arrivals = fleet().arrivals();
  return stream_.feed(content, arrivals.codec, arrivals.payload_bytes, sink);
}

bool SseSubscriber::take_content(std::string_view content) { return feed(content, *this); }

bool ResumingSseSubscriber::take_content(std::string_view content) {
  struct Sink {
    ResumingSseSubscriber& self;
    void on_block(std::string_view block) {
      if (const auto id = last_id_of(block)) self.last_id_ = *id;
    }
    void on_stamp(const Stamp& stamp) { self.take_stamp(stamp); }
    void on_gap() { self.take_gap(); }
    void on_foreign() { self.take_foreign(); }
  };
  Sink sink{*this};
  return feed(content, sink);
}

}  // namespace ringcast::load
