#include "protocol/event_message.h"

#include <fmt/format.h>

#include <iterator>

namespace ringcast {
namespace {

bool must_escape(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

// The inside of a JSON string (RFC 8259 §7). `text` is valid UTF-8: publishing saw to that.
void append_escaped(std::string& out, std::string_view text) {
  while (!text.empty()) {
    std::size_t plain = 0;
    while (plain < text.size() && !must_escape(text[plain])) ++plain;
    out.append(text.substr(0, plain));
    if (plain == text.size()) return;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\t') {
      out += "\\t";
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    }
  }
}

}  // namespace

std::string_view EventMessage::of(std::string_view topic, std::string_view event,
                                  std::string_view id) {
  EventParts parts = parse_event(event);
  if (id.empty()) id = parts.id;
  text_.clear();
  text_ += '{';
  if (!id.empty()) {
    text_ += "\"id\":\"";
    text_ += id;
    text_ += "\",";
  }
  text_ += "\"topic\":\"";
  text_ += topic;  // has nothing that would have to be escaped (core/topic_name.h)
  text_ += "\",\"event\":\"";
  append_escaped(text_, parts.type.empty() ? std::string_view("message") : parts.type);
  text_ += "\",\"data\":\"";
  std::string_view line;
  for (bool first = true; next_data_line(parts.data, line); first = false) {
    if (!first) text_ += "\\n";
    append_escaped(text_, line);
  }
  text_ += "\"}";
  return text_;
}

std::string gap_message(const Gap& gap, std::string_view resume_id, const EventIds& ids) {
  std::string event;
  append_gap(event, gap, resume_id, ids);
  EventMessage message;
  return std::string(message.of(gap.topic, event, {}));
}

std::string position_message(std::string_view id) {
  return fmt::format("{{\"type\":\"position\",\"id\":\"{}\"}}", id);
}

std::string drain_message(std::uint64_t retry_ms) {
  return fmt::format("{{\"type\":\"drain\",\"retry_ms\":{}}}", retry_ms);
}

}  // namespace ringcast
