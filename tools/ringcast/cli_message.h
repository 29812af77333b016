// What a server says over WebSocket: one JSON object a message. Events have no `type`, all else has
// one, except workers' answers, which have a `status`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tools/ringcast/event_parser.h"

namespace ringcast {

struct ServerMessage {
  enum class Kind : std::uint8_t {
    event,
    position,  // id: where to resume
    drain,     // retry_ms
    error,     // ref, text: what is wrong, ready to be shown
    answer,    // everything else that has a type or a status: type, ref
    unknown,   // no JSON object, or one that says nothing
  };

  Kind kind = Kind::unknown;
  StreamEvent event;  // position: only its id
  std::string type;
  std::string status;
  std::string ref;  // a string's text, other values as they are; empty: none
  std::string text;
  std::int64_t retry_ms = 0;
};

class MessageParser {
 public:
  MessageParser();
  ~MessageParser();

  // Good until the next call.
  const ServerMessage& parse(std::string_view text);

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
  ServerMessage message_;
};

}  // namespace ringcast
