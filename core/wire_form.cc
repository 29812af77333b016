#include "core/wire_form.h"

#include <fmt/format.h>

namespace ringcast {
namespace {

void put(std::vector<char>& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

class EventStreamForm final : public WireForm {
 public:
  void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                    std::string_view id) override {
    if (id.empty()) {
      put(out, event);
      return;
    }
    // The last id of a block wins, so the event's own bytes stay as they are and the one to resume
    // with follows.
    put(out, event.substr(0, event.size() - 1));
    put(out, "topic: ");
    put(out, topic);
    put(out, "\nid: ");
    put(out, id);
    put(out, "\n\n");
  }
  void append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                  const EventIds& ids) override {
    ringcast::append_gap(out, gap, resume_id, ids);
  }
  void append_id(std::string& out, std::string_view id) override { ringcast::append_id(out, id); }
  std::string_view heartbeat() const override { return kHeartbeat; }
  void append_farewell(std::string& out, std::uint64_t retry_ms) override {
    out += fmt::format("retry: {}\n\n", retry_ms);
  }
};

}  // namespace

WireForm& event_stream_form() {
  static EventStreamForm form;
  return form;
}

}  // namespace ringcast
