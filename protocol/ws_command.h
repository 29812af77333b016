// What a WebSocket client says: one JSON object (RFC 8259) a text message.
//
//   {"type":"subscribe","topic":"jobs.*","from":"earliest","ref":7}
//
// The name stands in `type` or `command`; in `action` too, except for sessions of agents, where
// `action` is for the worker. `ref`, a JSON scalar, is echoed in the answer as it is written.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast {

// Everything points into the message or the parser, until that parses again.
struct WsCommand {
  std::string_view name;    // empty: none
  std::string_view action;  // for the worker of an agent's session; empty: none
  std::string_view ref;     // JSON text; empty: none
  std::string_view whole;   // the object as it was written

  std::vector<std::string_view> topics;  // of `topic` and `topics`
  std::string_view from;
  std::string_view last_event_id;
  std::string_view event;
  std::optional<std::string_view> data;  // a string's text; any other value as it is written
  std::string_view data_json;            // always as it is written
  std::string_view id;
  std::string_view room;
  std::string_view member_name;  // `name`
  std::string_view to;
  std::optional<bool> include_self;
  std::optional<bool> enabled;
};

class WsCommandParser {
 public:
  static constexpr std::size_t kMostRefBytes = 128;

  WsCommandParser();
  ~WsCommandParser();

  // `message` is valid UTF-8 and followed by 64 readable bytes. `for_worker`: `action` is not the
  // command's name, and members that no command has are left to the worker; elsewhere they are
  // errors, since a misspelt one would be lost silently. Errors: bad_json, bad_command; `command`
  // then has the ref if that was found.
  Result<void> parse(std::string_view message, bool for_worker, WsCommand& command);

 private:
  struct Parsers;
  std::unique_ptr<Parsers> parsers_;
  std::string texts_;  // unescaped strings; as large as the message, so it never moves
};

// A JSON object in two parts: its `ref`, and everything else. So commands are handed to workers,
// and answers back, each with the other side's ref.
struct RefObject {
  std::string ref;      // if it is a string
  std::string members;  // `"status":"paused","value":3`, without `ref`
  bool has_status = false;
};
// Nothing if it is not an object.
std::optional<RefObject> read_ref_object(std::string_view json);

}  // namespace ringcast
