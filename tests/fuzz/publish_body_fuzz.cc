// Batches: whatever the bytes and the slices they are read in, the parser answers with the same
// events, which may be published, or with an error that names one; a JSON array and the same
// objects line by line mean the same, and are JSON as a whole; and what was accepted is accepted
// again, as the same, when it is written out anew.
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/event_stream.h"
#include "core/topic_name.h"
#include "core/utf8.h"
#include "protocol/batch_parser.h"

namespace ringcast {
namespace {

constexpr std::size_t kPadding = 64;

struct Event {
  std::string topic, type, data, id;
  bool operator==(const Event&) const = default;
};

struct Outcome {
  bool accepted = false;
  std::string code;
  std::vector<Event> events;
  bool operator==(const Outcome&) const = default;
};

Limits limits() {
  Limits limits;
  limits.max_event_bytes = 300;
  limits.max_batch_events = 20;
  return limits;
}

// In a buffer of its own that ends right behind the padding, so that a read beyond is seen; in
// slices of up to so many bytes, one after the other of another size.
Outcome parse(std::string_view body, std::uint32_t most_slice = 1 << 20) {
  static EventReader reader;  // used again, as the server does
  BatchParser parser(reader);
  std::vector<char> bytes(body.begin(), body.end());
  bytes.resize(body.size() + kPadding);
  parser.begin({bytes.data(), body.size()}, limits());
  std::minstd_rand random(most_slice);
  auto read = parser.read_on(1 + random() % most_slice);
  while (read && *read == BatchParser::Progress::more) {
    read = parser.read_on(1 + random() % most_slice);
  }
  Outcome outcome{.accepted = read.has_value(), .code = {}, .events = {}};
  if (!read) {
    outcome.code = read.error().code;
    return outcome;
  }
  for (const BatchEvent& each : parser.events()) {
    outcome.events.push_back({.topic = std::string(each.topic),
                              .type = std::string(each.event.type),
                              .data = std::string(each.event.data),
                              .id = std::string(each.event.key)});
  }
  return outcome;
}

void check_error(const Outcome& outcome) {
  for (const char* known :
       {"bad_utf8", "bad_json", "bad_event", "event_too_large", "too_many_events"}) {
    if (outcome.code == known) return;
  }
  RINGCAST_CHECK(false);
}

void check_events(const Outcome& outcome) {
  RINGCAST_CHECK(outcome.events.size() <= limits().max_batch_events);
  for (const Event& event : outcome.events) {
    RINGCAST_CHECK(is_topic_name(event.topic) && is_event_type(event.type));
    RINGCAST_CHECK(event.data.size() <= limits().max_event_bytes);
    // What is sent must be text, or clients would not read it.
    RINGCAST_CHECK(is_valid_utf8(event.topic) && is_valid_utf8(event.type));
    RINGCAST_CHECK(is_valid_utf8(event.data) && is_valid_utf8(event.id));
  }
}

std::string written(const Event& event) {
  std::string out = "{\"data\":";
  append_json_string(out, event.data);
  for (const auto& [name, text] : {std::pair{"topic", &event.topic},
                                   std::pair{"event", &event.type}, std::pair{"id", &event.id}}) {
    out += fmt::format(",\"{}\":", name);
    append_json_string(out, *text);
  }
  return out + "}";
}

void check_round_trip(const std::vector<Event>& events) {
  std::string lines;
  std::string array = "[";
  for (const Event& event : events) {
    if (array.size() > 1) array += " ,\n";
    array += written(event);
    lines += written(event) + "\r\n";
  }
  array += "]\n";
  const Outcome from_lines = parse(lines);
  const Outcome from_array = parse(array);
  RINGCAST_CHECK(from_lines.accepted && from_lines.events == events);
  RINGCAST_CHECK(from_array.accepted && from_array.events == events);
}

// Lines that are objects, as an array: the same events, and refused if the lines are.
void check_as_array(std::string_view body, const Outcome& outcome) {
  std::string array = "[";
  while (!body.empty()) {
    const std::size_t end = std::min(body.find('\n'), body.size());
    const std::string_view line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (array.size() > 1) array += ",\n";
    array += line;
  }
  const Outcome same = parse(array + "]");
  if (outcome.accepted) RINGCAST_CHECK(same.accepted && same.events == outcome.events);
}

// An array as a whole is JSON if it was accepted, and is not if it was said not to be.
void check_whole(std::string_view body, const Outcome& outcome) {
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || body[begin] != '[') return;
  simdjson::dom::parser parser;
  const auto code = parser.parse(body.data(), body.size(), true).error();
  if (code == simdjson::DEPTH_ERROR) return;  // an element may nest one deeper
  if (outcome.accepted) RINGCAST_CHECK(code == simdjson::SUCCESS);
  if (outcome.code == "bad_json") RINGCAST_CHECK(code != simdjson::SUCCESS);
}

void check_body(std::string_view body) {
  const Outcome outcome = parse(body);
  for (const std::uint32_t most_slice : {1U, 7U, 64U, 200U}) {
    const Outcome sliced = parse(body, most_slice);
    // Of several errors the first slice with one tells its own.
    RINGCAST_CHECK(sliced == outcome || (!is_valid_utf8(body) && !sliced.accepted));
  }
  check_whole(body, outcome);
  if (!is_valid_utf8(body)) RINGCAST_CHECK(!outcome.accepted);
  if (!outcome.accepted) {
    check_error(outcome);
    return;
  }
  check_events(outcome);
  check_round_trip(outcome.events);
  const std::size_t begin = body.find_first_not_of(" \t\r\n");
  if (begin != std::string_view::npos && body[begin] == '{') check_as_array(body, outcome);
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringcast::check_body({reinterpret_cast<const char*>(data), size});
  return 0;
}
