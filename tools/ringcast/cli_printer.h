// Events as `ringcast subscribe` shows them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringcast/event_parser.h"

namespace ringcast {

enum class PrintFormat : std::uint8_t {
  pretty,  // [TOPIC  ]TYPE  DATA, further lines of the data indented
  json,    // an object a line: id, event, topic, data
};

struct PrintOptions {
  PrintFormat format = PrintFormat::pretty;
  bool colour = false;
  std::string topic;  // of events that name none; empty: not known
  bool show_topic = false;
};

void append_event(std::string& out, const StreamEvent& event, const PrintOptions& options);

// A gap event as a sentence for people.
std::string describe_gap(const StreamEvent& event);

}  // namespace ringcast
