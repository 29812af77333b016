#include "tools/ringcast/cli_printer.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "core/event_stream.h"
#include "tools/ringcast/cli_client.h"

namespace ringcast {
namespace {

constexpr std::string_view kTopicColour = "\x1b[36m";
constexpr std::string_view kTypeColour = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kIndent = "    ";

void append_coloured(std::string& out, std::string_view text, std::string_view colour, bool on) {
  if (on) out += colour;
  append_printable(out, text);
  if (on) out += kPlain;
}

void append_pretty(std::string& out, const StreamEvent& event, const PrintOptions& options) {
  if (options.show_topic) {
    append_coloured(out, event.topic.empty() ? options.topic : event.topic, kTopicColour,
                    options.colour);
    out += "  ";
  }
  append_coloured(out, event.type, kTypeColour, options.colour);
  out += "  ";
  for (std::string_view rest = event.data;;) {
    const std::size_t end = rest.find('\n');
    append_printable(out, rest.substr(0, end));
    out += '\n';
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
    out += kIndent;
  }
}

void append_json(std::string& out, const StreamEvent& event, const PrintOptions& options) {
  const auto add = [&out](std::string_view key, std::string_view value) {
    out += key;
    if (value.empty()) {
      out += "null";
    } else {
      append_json_string(out, value);
    }
  };
  add("{\"id\":", event.id);
  add(",\"event\":", event.type);
  add(",\"topic\":", event.topic.empty() ? options.topic : event.topic);
  out += ",\"data\":";
  append_json_string(out, event.data);
  out += "}\n";
}

std::string_view explain_reason(std::string_view reason) {
  if (reason == "evicted") return "they have left the history";
  if (reason == "epoch") return "the server was started anew since";
  if (reason == "lagged") return "this subscriber was too slow";
  if (reason == "malformed") return "the id to go on from is not one of this server";
  return "the id to go on from is not known";
}

}  // namespace

void append_event(std::string& out, const StreamEvent& event, const PrintOptions& options) {
  if (options.format == PrintFormat::json) {
    append_json(out, event, options);
  } else {
    append_pretty(out, event, options);
  }
}

std::string describe_gap(const StreamEvent& event) {
  simdjson::dom::parser parser;
  simdjson::dom::element gap;
  const bool parsed = parser.parse(event.data).get(gap) == simdjson::SUCCESS;
  const auto member = [&](const char* key) {
    std::string_view text;
    std::string out;
    if (parsed && gap[key].get(text) == simdjson::SUCCESS) append_printable(out, text);
    return out;
  };
  const std::string topic = member("topic");
  const std::string requested = member("requested");
  const std::string earliest = member("earliest");
  std::string text = fmt::format("Gap{}{}: events may be missing, {}", topic.empty() ? "" : " in ",
                                 topic, explain_reason(member("reason")));
  if (!requested.empty()) text += fmt::format(" (asked for what follows {})", requested);
  text += earliest.empty() ? "; going on with what comes."
                           : fmt::format("; going on from {}.", earliest);
  return text;
}

}  // namespace ringcast
