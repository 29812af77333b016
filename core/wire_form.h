// A wire form: how an event of the log looks to the subscribers who share the form.
//
// The log itself is in the form of the event stream (core/event_stream.h), and its subscribers get
// its bytes as they are. Every other form is made from those bytes, once for each core that has
// subscribers of the form (core/form_log.h): WebSocket frames, compressed ones.
//
// One core only: a form may keep what it needs to work, such as a compressor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/event_id.h"
#include "core/event_stream.h"

namespace ringcast {

class WireForm {
 public:
  virtual ~WireForm() = default;

  // Appends an event. `event` is as it lies in the log; `id` is what the subscriber may resume
  // with, its own where it is empty.
  virtual void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                            std::string_view id) = 0;
  // The form for events that are composed for one subscriber alone: what pays only for many, such
  // as compression, is left out.
  virtual WireForm& composed() { return *this; }

  virtual void append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                          const EventIds& ids) = 0;
  // Moves the subscriber's position and shows it nothing.
  virtual void append_id(std::string& out, std::string_view id) = 0;
  virtual std::string_view heartbeat() const = 0;
  // The last that a subscriber gets: when to come back.
  virtual void append_farewell(std::string& out, std::uint64_t retry_ms) = 0;
};

// The log's own form, as SSE subscribers get it.
WireForm& event_stream_form();

}  // namespace ringcast
