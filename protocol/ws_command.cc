#include "protocol/ws_command.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>

#include "core/event_stream.h"
#include "protocol/json_values.h"

namespace ringcast {
namespace {

namespace ondemand = simdjson::ondemand;

std::unexpected<Error> bad_json(simdjson::error_code code) {
  std::string_view why = simdjson::error_message(code);
  while (why.ends_with('.')) why.remove_suffix(1);
  return fail("bad_json", fmt::format("Not a JSON object: {}.", why));
}

std::unexpected<Error> bad_member(std::string_view name, std::string_view wanted) {
  return fail("bad_command", fmt::format("Member `{}` must be {}.", name, wanted));
}

struct Reader {
  WsCommand& command;
  std::string& texts;
  bool for_worker;

  Result<void> text(ondemand::value value, std::string_view name, std::string_view& to) const {
    std::string_view read;
    if (value.get_string().get(read) != simdjson::SUCCESS) return bad_member(name, "a string");
    to = keep_text(texts, read);
    return {};
  }

  static Result<void> flag(ondemand::value value, std::string_view name, std::optional<bool>& to) {
    bool read = false;
    if (value.get_bool().get(read) != simdjson::SUCCESS) {
      return bad_member(name, "true or false");
    }
    to = read;
    return {};
  }

  Result<void> topics(ondemand::value value) const {
    ondemand::array array;
    if (value.get_array().get(array) != simdjson::SUCCESS) {
      return bad_member("topics", "an array of strings");
    }
    for (auto element : array) {
      ondemand::value one;
      std::string_view topic;
      if (element.get(one) != simdjson::SUCCESS || !text(one, "topics", topic)) {
        return bad_member("topics", "an array of strings");
      }
      command.topics.push_back(topic);
    }
    return {};
  }

  Result<void> ref(ondemand::value value) const {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS || type == ondemand::json_type::object ||
        type == ondemand::json_type::array) {
      return bad_member("ref", "a string or a number");
    }
    std::string_view raw;
    if (const auto code = raw_json(value, raw)) return bad_json(code);
    if (raw.size() > WsCommandParser::kMostRefBytes) return bad_member("ref", "at most 128 bytes");
    command.ref = raw;
    return {};
  }

  Result<void> data(ondemand::value value) const {
    ondemand::json_type type{};
    if (value.type().get(type) != simdjson::SUCCESS) return bad_member("data", "a JSON value");
    if (type == ondemand::json_type::string) {
      std::string_view raw;
      if (const auto code = raw_json(value, raw)) return bad_json(code);
      command.data_json = raw;
      std::string_view read;
      if (auto got = text(value, "data", read); !got) return got;
      command.data = read;
      return {};
    }
    std::string_view raw;
    if (const auto code = raw_json(value, raw)) return bad_json(code);
    command.data = command.data_json = raw;
    return {};
  }

  Result<void> member(std::string_view name, ondemand::value value) const {
    if (name == "type" || name == "command") return text(value, name, command.name);
    if (name == "action") return text(value, name, for_worker ? command.action : command.name);
    if (name == "ref") return ref(value);
    if (for_worker && !command.action.empty()) return {};  // it is all the worker's
    if (name == "topic") {
      std::string_view topic;
      auto read = text(value, name, topic);
      if (read) command.topics.push_back(topic);
      return read;
    }
    if (name == "topics") return topics(value);
    if (name == "from") return text(value, name, command.from);
    if (name == "last_event_id") return text(value, name, command.last_event_id);
    if (name == "event") return text(value, name, command.event);
    if (name == "data") return data(value);
    if (name == "id") return text(value, name, command.id);
    if (name == "room") return text(value, name, command.room);
    if (name == "name") return text(value, name, command.member_name);
    if (name == "to") return text(value, name, command.to);
    if (name == "include_self") return flag(value, name, command.include_self);
    if (name == "enabled") return flag(value, name, command.enabled);
    if (for_worker) return {};
    return fail("bad_command", fmt::format("No command has a member `{}`.", name));
  }
};

}  // namespace

struct WsCommandParser::Parsers {
  simdjson::dom::parser checker;  // reads everything, so that nothing malformed is passed on
  ondemand::parser reader;        // gives values as they are written
};

WsCommandParser::WsCommandParser() : parsers_(std::make_unique<Parsers>()) {}
WsCommandParser::~WsCommandParser() = default;

Result<void> WsCommandParser::parse(std::string_view message, bool for_worker, WsCommand& command) {
  command = {};
  texts_.clear();
  texts_.reserve(message.size() + 1);
  if (const auto code = parsers_->checker.parse(message.data(), message.size(), false).error()) {
    return bad_json(code);
  }
  ondemand::document document;
  if (const auto code =
          parsers_->reader.iterate(message.data(), message.size(), message.size() + 64)
              .get(document)) {
    return bad_json(code);
  }
  ondemand::object object;
  if (document.get_object().get(object) != simdjson::SUCCESS) {
    return fail("bad_command", "A command is a JSON object, such as {\"type\":\"ping\"}.");
  }
  command.whole = message;
  // The first problem is told; the ref may come after it, and is to be echoed all the same.
  Result<void> first;
  const Reader reader{command, texts_, for_worker};
  for (auto field : object) {
    std::string_view name;
    ondemand::value value;
    if (const auto code = field.unescaped_key().get(name)) return bad_json(code);
    name = keep_text(texts_, name);
    if (const auto code = field.value().get(value)) return bad_json(code);
    if (!first && name != "ref") continue;
    auto read = reader.member(name, value);
    if (!read && first) first = std::move(read);
  }
  return first;
}

std::optional<RefObject> read_ref_object(std::string_view json) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(json.data(), json.size(), true).get_object().get(object)) return {};
  RefObject read;
  for (const auto& [name, value] : object) {
    if (name == "ref") {
      std::string_view ref;
      if (!value.get_string().get(ref)) read.ref = ref;
      continue;
    }
    read.has_status |= name == "status";
    if (!read.members.empty()) read.members += ',';
    append_json_string(read.members, name);
    read.members += ':';
    read.members += simdjson::minify(value);
  }
  return read;
}

}  // namespace ringcast
