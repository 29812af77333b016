#include "protocol/event_reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <bit>

#include "core/topic_name.h"
#include "protocol/json_elements.h"
#include "protocol/json_values.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostKeyBytes = 128;
constexpr std::size_t kLeastBytes = 4 << 10;  // most events have fewer

std::unexpected<Error> bad_event(std::size_t number, const std::string& problem) {
  return fail("bad_event", fmt::format("Event {}: {}", number, problem));
}

}  // namespace

struct EventReader::Parser : dom::parser {};

EventReader::EventReader() : kept_(std::make_unique<Parser>()) {}
EventReader::~EventReader() = default;

std::unexpected<Error> bad_event_json(std::size_t number, std::string_view problem) {
  return fail("bad_json", fmt::format("Event {}: not JSON: {}.", number, problem));
}

std::unexpected<Error> event_too_large(std::size_t number, std::uint64_t most_data_bytes) {
  return fail("event_too_large",
              fmt::format("Event {}: the data must be at most {} bytes.", number, most_data_bytes));
}

std::string event_problem(std::string_view topic, const NewEvent& event) {
  if (!is_topic_name(topic)) {
    return fmt::format("the topic must be 1 to {} bytes, without spaces, controls or `*`.",
                       kMostTopicBytes);
  }
  if (!is_event_type(event.type)) {
    return "the event type must be at most 128 bytes, without line ends.";
  }
  if (event.key.size() > kMostKeyBytes) {
    return fmt::format("the id must be at most {} bytes.", kMostKeyBytes);
  }
  return {};
}

namespace {

std::unexpected<Error> not_json(std::size_t number, simdjson::error_code code) {
  return bad_event_json(number, simdjson::error_message(code));
}

unsigned member_of(std::string_view name) {
  if (name == "topic") return 0;
  if (name == "event") return 1;
  if (name == "data") return 2;
  return name == "id" ? 3 : 4;
}

// `json` is the object as it is written, from its bracket on.
Result<BatchEvent> read_object(const dom::object& object, std::string_view json, std::size_t number,
                               std::string& texts) {
  BatchEvent read;
  unsigned seen = 0;
  std::size_t place = 0;
  for (const auto& [name, value] : object) {
    const unsigned member = member_of(name);
    if (member == 4) {
      return bad_event(number, fmt::format("`{}` is none of topic, event, data, id.", name));
    }
    const unsigned bit = 1U << member;
    if ((seen & bit) != 0) return bad_event(number, fmt::format("`{}` twice.", name));
    seen |= bit;
    std::string_view text;
    if (value.get_string().get(text) == simdjson::SUCCESS) {
      text = keep_text(texts, text);
    } else if (member == 2) {
      // What came before it was text.
      text = json_value_behind(json, 2 * place + 1, place + 1 == object.size());
    } else {
      return bad_event(number, fmt::format("`{}` must be a string.", name));
    }
    if (member == 0) read.topic = text;
    if (member == 1) read.event.type = text;
    if (member == 2) read.event.data = text;
    if (member == 3) read.event.key = text;
    ++place;
  }
  if ((seen & 1U) == 0) return bad_event(number, "`topic` is missing.");
  if ((seen & 4U) == 0) return bad_event(number, "`data` is missing.");
  if (auto problem = event_problem(read.topic, read.event); !problem.empty()) {
    return bad_event(number, problem);
  }
  return read;
}

// Steps that double, so that events of many sizes do not ask for memory again and again.
simdjson::error_code make_room(dom::parser& parser, std::size_t bytes) {
  if (bytes <= parser.capacity()) return simdjson::SUCCESS;
  const std::size_t step = std::bit_ceil(std::max(bytes, kLeastBytes));
  return parser.allocate(bytes <= EventReader::kMostKeptBytes ? step : bytes);
}

}  // namespace

Result<BatchEvent> EventReader::read(std::string_view json, std::size_t number,
                                     std::uint64_t most_data_bytes, std::string& texts) {
  Parser once;
  Parser& parser = json.size() > kMostKeptBytes ? once : *kept_;
  if (const auto code = make_room(parser, json.size())) return not_json(number, code);
  dom::element root;
  if (const auto code = parser.parse(json.data(), json.size(), false).get(root)) {
    return not_json(number, code);
  }
  dom::object object;
  if (root.get_object().get(object) != simdjson::SUCCESS) {
    return bad_event(number, "must be an object.");
  }
  auto event = read_object(object, json.substr(json.find('{')), number, texts);
  if (event && event->event.data.size() > most_data_bytes) {
    return event_too_large(number, most_data_bytes);
  }
  return event;
}

}  // namespace ringcast
