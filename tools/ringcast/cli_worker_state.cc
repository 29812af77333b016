#include "tools/ringcast/cli_worker_state.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "core/event_stream.h"
#include "tools/ringcast/cli_client.h"

namespace ringcast {
namespace {

// The members of a command that are for the worker: all but action and ref.
std::string parameters_of(const simdjson::dom::object& command) {
  std::string members = "{";
  for (const auto& [key, value] : command) {
    if (key == "action" || key == "ref") continue;
    if (members.size() > 1) members += ',';
    append_json_string(members, key);
    members += ':' + simdjson::minify(value);
  }
  return members += '}';
}

}  // namespace

std::string WorkerState::progress() const {
  return fmt::format(R"({{"step":{},"steps":{},"percent":{},"threshold":{},"parameters":{}}})",
                     step_, steps_, 100 * step_ / steps_, threshold_, parameters_);
}

std::string_view WorkerState::act(std::string_view action, std::string_view members) {
  if (action == "pause") {
    paused_ = true;
    return "paused";
  }
  if (action == "resume") {
    paused_ = false;
    return "resumed";
  }
  if (action == "cancel") {
    cancelled_ = true;
    return "cancelled";
  }
  if (action == "adjust_parameters") {
    parameters_ = members;
    return "parameters_updated";
  }
  if (action == "adjust_quality_threshold") {
    simdjson::dom::parser parser;
    simdjson::dom::element value;
    if (parser.parse(members.data(), members.size())["value"].get(value) != simdjson::SUCCESS) {
      return "value_missing";
    }
    threshold_ = simdjson::minify(value);
    return "threshold_updated";
  }
  return "unknown_action";
}

std::string WorkerState::obey(std::string_view command, std::string& said) {
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  std::string_view action;
  std::string_view ref;
  said = "A command that is not understood.";
  if (parser.parse(command.data(), command.size()).get(object) != simdjson::SUCCESS ||
      object["action"].get(action) != simdjson::SUCCESS) {
    return {};
  }
  const std::string members = parameters_of(object);
  const std::string_view status = act(action, members);
  said.clear();
  append_printable(said, action);
  if (members != "{}") {
    said += ' ';
    append_printable(said, members);
  }
  said += fmt::format(": {}", status);
  if (object["ref"].get(ref) != simdjson::SUCCESS) return {};
  std::string answer = "{\"ref\":";
  append_json_string(answer, ref);
  return answer += fmt::format(",\"status\":\"{}\",\"step\":{}}}", status, step_);
}

}  // namespace ringcast
