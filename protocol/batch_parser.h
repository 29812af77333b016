// Reads a batch of events: a JSON array of objects, or one object a line (NDJSON).
//
// An object has `topic` and `data`, and may have `event` and `id`. `data` that is a string is taken
// as its text; any other JSON value is taken as it is written. Other members are errors: a misspelt
// one would be lost silently.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/shard.h"
#include "protocol/config.h"

namespace ringcast {

class BatchParser {
 public:
  BatchParser();
  ~BatchParser();

  // `body` is followed by 64 readable bytes. The events point into the body and into this parser,
  // and are good until the next call. Errors name the event (counted from 1) and what is wrong:
  // bad_json, bad_event, event_too_large, too_many_events.
  Result<std::vector<BatchEvent>> parse(std::string_view body, const Limits& limits);

 private:
  struct Parsers;
  std::unique_ptr<Parsers> parsers_;
  std::string texts_;  // unescaped strings; never moves while events are read
};

// What a topic, type and id must be. Empty if all is well, else what is wrong.
std::string event_problem(std::string_view topic, const NewEvent& event);

}  // namespace ringcast
