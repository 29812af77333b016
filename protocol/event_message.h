// An event as one JSON text, `{"id":"…","topic":"…","event":"…","data":"…"}`, where `data` is the
// event's data as a JSON string; and what else is said between events. WebSocket subscribers get it
// as a message (protocol/ws_form.h), those of a stream of lines as a line (protocol/lines_form.h).
// No line end is in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/event_stream.h"

namespace ringcast {

class EventMessage {
 public:
  // `event` is as it lies in the log; `id` goes before its own unless it is empty. Good until the
  // next call.
  std::string_view of(std::string_view topic, std::string_view event, std::string_view id);

 private:
  std::string text_;
};

// What append_gap() of the event stream says, as an event `gap`.
std::string gap_message(const Gap& gap, std::string_view resume_id, const EventIds& ids);
// `{"type":"position","id":"…"}`: where a stream begins.
std::string position_message(std::string_view id);
// `{"type":"drain","retry_ms":N}`: the last of a server that goes.
std::string drain_message(std::uint64_t retry_ms);

}  // namespace ringcast
