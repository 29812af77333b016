#include "protocol/batch_parser.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "core/topic_name.h"
#include "protocol/json_values.h"

namespace ringcast {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kMostKeyBytes = 128;

std::unexpected<Error> bad_event(std::size_t index, const std::string& problem) {
  return fail("bad_event", fmt::format("Event {}: {}", index, problem));
}

std::unexpected<Error> bad_json(std::size_t index, simdjson::error_code code) {
  return fail("bad_json",
              fmt::format("Event {}: not JSON: {}.", index, simdjson::error_message(code)));
}

}  // namespace

struct BatchParser::Parsers {
  simdjson::dom::parser checker;  // reads everything, so that nothing malformed is passed on
  ondemand::parser reader;        // gives values as they are written
};

BatchParser::BatchParser() : parsers_(std::make_unique<Parsers>()) {}
BatchParser::~BatchParser() = default;

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

Result<std::string_view> read_text(ondemand::value value, std::string_view name, std::size_t index,
                                   std::string& texts) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) {
    return bad_event(index, fmt::format("`{}` must be a string.", name));
  }
  return keep_text(texts, text);
}

Result<std::string_view> read_data(ondemand::value value, std::size_t index, std::string& texts) {
  ondemand::json_type type{};
  if (const auto code = value.type().get(type); code != simdjson::SUCCESS) {
    return bad_json(index, code);
  }
  if (type == ondemand::json_type::string) return read_text(value, "data", index, texts);
  std::string_view raw;
  if (const auto code = raw_json(value, raw)) return bad_json(index, code);
  return raw;
}

Result<BatchEvent> read_event(ondemand::object object, std::size_t index, std::string& texts,
                              const Limits& limits) {
  BatchEvent read;
  unsigned seen = 0;
  for (auto field : object) {
    std::string_view key;
    ondemand::value value;
    if (const auto code = field.unescaped_key().get(key); code != simdjson::SUCCESS) {
      return bad_json(index, code);
    }
    const std::string_view names[] = {"topic", "event", "data", "id"};
    const auto member = static_cast<unsigned>(std::ranges::find(names, key) - names);
    if (member == 4) {
      return bad_event(index, fmt::format("`{}` is none of topic, event, data, id.", key));
    }
    if ((seen & (1U << member)) != 0) return bad_event(index, fmt::format("`{}` twice.", key));
    seen |= 1U << member;
    if (const auto code = field.value().get(value); code != simdjson::SUCCESS) {
      return bad_json(index, code);
    }
    auto text = member == 2 ? read_data(value, index, texts)
                            : read_text(value, names[member], index, texts);
    if (!text) return std::unexpected(std::move(text.error()));
    if (member == 0) read.topic = *text;
    if (member == 1) read.event.type = *text;
    if (member == 2) read.event.data = *text;
    if (member == 3) read.event.key = *text;
  }
  if ((seen & 1U) == 0) return bad_event(index, "`topic` is missing.");
  if ((seen & 4U) == 0) return bad_event(index, "`data` is missing.");
  if (auto problem = event_problem(read.topic, read.event); !problem.empty()) {
    return bad_event(index, problem);
  }
  if (read.event.data.size() > limits.max_event_bytes) {
    return fail("event_too_large", fmt::format("Event {}: the data must be at most {} bytes.",
                                               index, limits.max_event_bytes));
  }
  return read;
}

}  // namespace

Result<std::vector<BatchEvent>> BatchParser::parse(std::string_view body, const Limits& limits) {
  texts_.clear();
  texts_.reserve(body.size() + 1);
  std::vector<BatchEvent> events;
  const auto too_many = [&limits] {
    return fail("too_many_events",
                fmt::format("A batch may have {} events.", limits.max_batch_events));
  };
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return events;
  const bool is_array = body[begin] == '[';
  for (std::size_t at = begin; at < body.size();) {
    const std::size_t end = is_array ? body.size() : std::min(body.find('\n', at), body.size());
    const std::string_view text = body.substr(at, end - at);
    at = end + 1;
    if (text.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::size_t index = events.size() + 1;
    if (const auto code = parsers_->checker.parse(text.data(), text.size(), false).error();
        code != simdjson::SUCCESS) {
      return bad_json(index, code);
    }
    ondemand::document document;
    if (const auto code =
            parsers_->reader.iterate(text.data(), text.size(), text.size() + 64).get(document);
        code != simdjson::SUCCESS) {
      return bad_json(index, code);
    }
    const auto take = [&](auto&& from) -> Result<void> {
      ondemand::object object;
      if (from.get_object().get(object) != simdjson::SUCCESS) {
        return bad_event(events.size() + 1, "must be an object.");
      }
      auto event = read_event(object, events.size() + 1, texts_, limits);
      if (!event) return std::unexpected(std::move(event.error()));
      if (events.size() >= limits.max_batch_events) return too_many();
      events.push_back(*event);
      return {};
    };
    if (!is_array) {
      if (auto taken = take(document); !taken) return std::unexpected(std::move(taken.error()));
      continue;
    }
    ondemand::array array;
    if (const auto code = document.get_array().get(array); code != simdjson::SUCCESS) {
      return bad_json(index, code);
    }
    for (auto element : array) {
      ondemand::value value;
      if (const auto code = element.get(value); code != simdjson::SUCCESS) {
        return bad_json(events.size() + 1, code);
      }
      if (auto taken = take(value); !taken) return std::unexpected(std::move(taken.error()));
    }
  }
  return events;
}

}  // namespace ringcast
