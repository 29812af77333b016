// Reads one event of a batch, which is a JSON object.
//
// It has `topic` and `data`, and may have `event` and `id`. `data` that is a string is taken as its
// text; any other JSON value is taken as it is written. Other members are errors: a misspelt one
// would be lost silently.
//
// A core has one for all batches under way, since nothing of an event stays in it. Its memory is
// used again, unless an event was so large that it is better given back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/shard.h"

namespace ringcast {

class EventReader {
 public:
  // Memory for events of so many bytes of JSON is kept.
  static constexpr std::size_t kMostKeptBytes = 64 << 10;

  EventReader();
  ~EventReader();

  // `json` is followed by 64 readable bytes, and is read in one go. The event points into it and
  // into `texts`, which has room for as many bytes and so does not move. Errors name the event by
  // its number and say what is wrong: bad_json, bad_event, event_too_large.
  Result<BatchEvent> read(std::string_view json, std::size_t number, std::uint64_t most_data_bytes,
                          std::string& texts);

 private:
  struct Parser;
  std::unique_ptr<Parser> kept_;
};

// What a topic, type and id must be. Empty if all is well, else what is wrong.
std::string event_problem(std::string_view topic, const NewEvent& event);

// The errors of a batch, as its readers give them.
std::unexpected<Error> bad_event_json(std::size_t number, std::string_view problem);
std::unexpected<Error> event_too_large(std::size_t number, std::uint64_t most_data_bytes);

}  // namespace ringcast
