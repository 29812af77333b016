// The event stream format: how an event lies in the log and reaches every SSE subscriber
// (HTML Living Standard, §9.2.6 "Interpreting an event stream").
//
//   id: EPOCH-N          one line
//   event: TYPE          only if the publisher named a type
//   except: NAME         only if somebody is not to get it; clients ignore the field
//   data: LINE           one for each line of the data
//   (empty line)
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/event_id.h"

namespace ringcast {

struct NewEvent {
  std::string_view type;  // empty: the default type, `message`
  std::string_view data;  // valid UTF-8
  std::string_view key;   // the publisher's id, empty if it gave none
  // The name of a subscriber that is not to get it (an event type in form); empty: everybody is.
  std::string_view except = {};
};

// A comment: keeps idle connections alive through proxies.
inline constexpr std::string_view kHeartbeat = ":\n\n";

// No line ends, no NUL, at most 128 bytes.
bool is_event_type(std::string_view type);

// The most bytes that write_event writes.
std::uint64_t event_bytes(const NewEvent& event);
char* write_event(char* out, const NewEvent& event, std::uint64_t number, const EventIds& ids);

// More than any event that is published takes as written; and a segment holds it.
inline constexpr std::size_t kMostWrittenBytes = (std::size_t{1} << 31) - (1 << 20);
// Whether this is what write_event may have written for this number; for events that come from
// another process.
bool is_written_event(std::string_view event, std::uint64_t number, const EventIds& ids);

// The type of an event as written; empty if it has none.
std::string_view written_type(std::string_view event);

// What an event says, as written; the views are into it.
struct EventParts {
  std::string_view id;
  std::string_view type;    // empty: `message`
  std::string_view except;  // who is not to get it; empty: everybody is
  std::string_view data;    // its lines, each with its field's name and its line end
};
EventParts parse_event(std::string_view event);
// Takes the text of the next line of `data`; false after the last.
bool next_data_line(std::string_view& data, std::string_view& line);

enum class GapReason : std::uint8_t { evicted, epoch, malformed, unknown, lagged };

// What a subscriber is told when it cannot have everything after the id that it asked for.
struct Gap {
  GapReason reason;
  std::string_view requested;  // as the client sent it, any bytes
  std::string_view topic;
  std::uint64_t earliest;  // the number of the first event that follows; 0 if there is none
};

// Appends a `gap` event whose id is `resume_id`: resuming from there is no gap again. Without one
// (empty) the client keeps the id it has.
void append_gap(std::string& out, const Gap& gap, std::string_view resume_id, const EventIds& ids);

// Appends an id without an event: it moves the client's position and shows it nothing.
void append_id(std::string& out, std::string_view id);

// Appends a JSON string literal; bytes that are not valid UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace ringcast
