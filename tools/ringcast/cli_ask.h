// One command over a WebSocket, and its answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringcast/cli_websocket.h"

namespace ringcast {

// What identifies our commands in their answers; a connection has one at a time.
inline constexpr std::string_view kAskRef = "ringcast-cli";

// `{"type":"TYPE","ref":…}`, for commands without more.
std::string simple_command(std::string_view type);

// Sends the command, whose ref is kAskRef, and gives the answer as it was written. Errors: those of
// WebSocketClient; refused: the server's own words; timed_out; bad_response.
Task<Result<std::string>> ask(WebSocketClient* socket, std::string command,
                              std::int64_t timeout_ms);

// Lines on standard output, as they are; on a terminal without what could command it. An exit code.
Task<int> print_answer(Scope* scope, std::string answer);

}  // namespace ringcast
