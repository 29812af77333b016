// Reads a batch of events bit by bit: a JSON array of objects, or one object a line (NDJSON).
//
//   BatchParser batch(service.event_reader());
//   batch.begin(body, limits);
//   for (;;) {
//     const auto read = batch.read_on();           // an error, or
//     if (read && *read == BatchParser::Progress::more) …  // let others have their turns
//   }
//
// A call looks at kSliceBytes of the body, and reads the events that end there. One event is read
// in one go, however long: as a rule that is little more than limits.max_event_bytes, and with text
// that is written as escapes up to six times as much. Longer ones are refused unread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/shard.h"
#include "core/utf8.h"
#include "protocol/config.h"
#include "protocol/event_reader.h"
#include "protocol/json_elements.h"

namespace ringcast {

class BatchParser {
 public:
  static constexpr std::size_t kSliceBytes = 16 << 10;
  enum class Progress : std::uint8_t { more, done };

  // `reader` may serve other batches in between, and outlives this.
  explicit BatchParser(EventReader& reader) : reader_(reader) {}

  // `body` is followed by 64 readable bytes, and stays until the events were used. Of the limits a
  // copy is made.
  void begin(std::string_view body, const Limits& limits);

  // Errors are those of the first event in which something is wrong, and name it (counted from 1),
  // as far as it is one: bad_utf8, bad_json, bad_event, event_too_large, too_many_events. After an
  // error there is nothing more to read.
  Result<Progress> read_on(std::size_t most_bytes = kSliceBytes);

  // What was read so far. They point into the body and into this parser, until the next begin().
  std::span<BatchEvent> events() { return events_; }

 private:
  enum class Form : std::uint8_t { unknown, lines, array };

  Result<void> read_elements(std::size_t until);
  Result<void> read_lines(std::size_t until);
  Result<void> read_event(std::string_view json);
  Result<void> may_take(std::size_t bytes) const;
  void skip_blanks(std::size_t until);

  EventReader& reader_;
  std::string_view body_;
  std::uint64_t most_event_bytes_ = 0;
  std::size_t most_events_ = 0;
  Form form_ = Form::unknown;
  Utf8Validator utf8_;
  std::size_t looked_ = 0;  // bytes of the body that were looked at
  std::size_t line_ = 0;    // where the line under way begins, or the array
  JsonElements elements_;
  std::vector<BatchEvent> events_;
  std::string texts_;  // unescaped strings; never moves while events are read
};

}  // namespace ringcast
