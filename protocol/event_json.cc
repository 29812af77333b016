#include "protocol/event_json.h"

namespace ringcast {

void append_event_data(std::string& out, std::string_view data) {
  std::string_view line;
  for (bool first = true; next_data_line(data, line); first = false) {
    if (!first) out += '\n';
    out += line;
  }
}

void append_event_json(std::string& out, std::string_view topic, const EventParts& event) {
  out += "{\"id\":";
  append_json_string(out, event.id);
  if (!topic.empty()) {
    out += ",\"topic\":";
    append_json_string(out, topic);
  }
  out += ",\"event\":";
  append_json_string(out, event.type.empty() ? std::string_view("message") : event.type);
  std::string data;
  append_event_data(data, event.data);
  out += ",\"data\":";
  append_json_string(out, data);
  out += '}';
}

}  // namespace ringcast
