#include "tools/ringload/mcp_answer.h"

#include <charconv>

namespace ringcast::load {
namespace {

bool names(std::string_view content_type, std::string_view type) {
  return content_type.starts_with(type);
}

// The line at the front of `rest`, taken off it with its end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find_first_of("\r\n");
  const std::string_view line = rest.substr(0, end);
  if (end == std::string_view::npos) {
    rest = {};
  } else {
    rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
  }
  return line;
}

bool has_id(const simdjson::dom::element& message, std::string_view id) {
  std::uint64_t wanted = 0;
  std::from_chars(id.data(), id.data() + id.size(), wanted);
  std::uint64_t got = 0;
  return message["id"].get(got) == simdjson::SUCCESS && got == wanted;
}

}  // namespace

void last_event_data(std::string_view stream, std::string& data) {
  data.clear();
  std::string event;
  while (!stream.empty()) {
    const std::string_view line = take_line(stream);
    if (line.empty()) {
      if (!event.empty()) data.swap(event);
      event.clear();
    } else if (line.starts_with("data:")) {
      if (!event.empty()) event += '\n';
      event += line.substr(line.substr(5).starts_with(' ') ? 6 : 5);
    }
  }
}

bool McpAnswer::read(std::string_view content_type, std::string_view body) {
  if (names(content_type, "application/json")) return read_message(body);
  text_ = {};
  if (!names(content_type, "text/event-stream")) return false;
  last_event_data(body, data_);
  return read_message(data_);
}

bool McpAnswer::read_message(std::string_view json) {
  json_.assign(json);
  json_.append(simdjson::SIMDJSON_PADDING, ' ');
  text_ = std::string_view(json_).substr(0, json.size());
  std::string_view version;
  return parser_.parse(json_.data(), json.size(), false).get(message_) == simdjson::SUCCESS &&
         message_["jsonrpc"].get(version) == simdjson::SUCCESS && version == "2.0";
}

McpOutcome McpAnswer::judge(std::string_view id, std::string_view text) const {
  if (message_["error"].error() == simdjson::SUCCESS) return McpOutcome::failed;
  const auto result = message_["result"];
  if (!result.is_object()) return McpOutcome::malformed;
  if (!has_id(message_, id)) return McpOutcome::foreign;
  bool is_error = false;
  if (result["isError"].get(is_error) == simdjson::SUCCESS && is_error) {
    return McpOutcome::tool_failed;
  }
  std::string_view type;
  std::string_view got;
  const auto content = result["content"].at(0);
  const bool whole = content["type"].get(type) == simdjson::SUCCESS && type == "text" &&
                     content["text"].get(got) == simdjson::SUCCESS && got == text;
  return whole ? McpOutcome::right : McpOutcome::altered;
}

std::string_view McpAnswer::protocol_version() const {
  std::string_view version;
  const auto error = message_["result"]["protocolVersion"].get(version);
  return error == simdjson::SUCCESS ? version : std::string_view();
}

bool McpAnswer::is_response() const {
  return message_["method"].error() != simdjson::SUCCESS &&
         message_["id"].error() == simdjson::SUCCESS;
}

}  // namespace ringcast::load
