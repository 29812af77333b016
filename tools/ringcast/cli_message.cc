#include "tools/ringcast/cli_message.h"

#include <simdjson.h>

#include "tools/ringcast/cli_client.h"

namespace ringcast {
namespace {

using Element = simdjson::dom::element;

std::string_view string_of(const simdjson::simdjson_result<Element>& value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

std::string ref_of(const simdjson::dom::object& object) {
  Element ref;
  if (object["ref"].get(ref) != simdjson::SUCCESS) return {};
  std::string_view text;
  return ref.get(text) == simdjson::SUCCESS ? std::string(text) : simdjson::minify(ref);
}

bool read_event(const simdjson::dom::object& object, StreamEvent& event) {
  std::string_view data;
  if (object["data"].get(data) != simdjson::SUCCESS) return false;
  std::string_view topic;
  if (object["topic"].get(topic) != simdjson::SUCCESS) return false;
  event.id = string_of(object["id"]);
  event.type = string_of(object["event"]);
  if (event.type.empty()) event.type = "message";
  event.topic = topic;
  event.data = data;
  return true;
}

}  // namespace

struct MessageParser::Parser {
  simdjson::dom::parser json;
};

MessageParser::MessageParser() : parser_(std::make_unique<Parser>()) {}
MessageParser::~MessageParser() = default;

const ServerMessage& MessageParser::parse(std::string_view text) {
  using Kind = ServerMessage::Kind;
  message_.kind = Kind::unknown;
  message_.type.clear();
  message_.status.clear();
  message_.ref.clear();
  simdjson::dom::object object;
  if (parser_->json.parse(text.data(), text.size()).get(object) != simdjson::SUCCESS) {
    return message_;
  }
  message_.ref = ref_of(object);
  message_.type = string_of(object["type"]);
  message_.status = string_of(object["status"]);
  if (message_.type.empty()) {
    if (read_event(object, message_.event)) {
      message_.kind = Kind::event;
    } else if (!message_.status.empty()) {
      message_.kind = Kind::answer;
    }
  } else if (message_.type == "position") {
    message_.event.id = string_of(object["id"]);
    message_.kind = Kind::position;
  } else if (message_.type == "drain") {
    message_.retry_ms = 0;
    [[maybe_unused]] const auto missing = object["retry_ms"].get(message_.retry_ms);
    message_.kind = Kind::drain;
  } else if (message_.type == "error") {
    message_.text.clear();
    append_printable(message_.text, string_of(object["error"]["message"]));
    if (message_.text.empty()) message_.text = "The server reports an error.";
    message_.kind = Kind::error;
  } else {
    message_.kind = Kind::answer;
  }
  return message_;
}

}  // namespace ringcast
