#include "tools/ringcast/cli_ask.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/event_stream.h"
#include "tools/ringcast/cli_message.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

std::string simple_command(std::string_view type) {
  std::string command = "{\"type\":";
  append_json_string(command, type);
  command += ",\"ref\":";
  append_json_string(command, kAskRef);
  return command += "}";
}

Task<Result<std::string>> ask(WebSocketClient* socket, std::string command,
                              std::int64_t timeout_ms) {
  Driver& clock = socket->scope().reactor().driver();
  const std::int64_t by_ms = clock.now_ns() / kNsPerMs + timeout_ms;
  MessageParser parser;
  socket->queue(command);
  for (;;) {
    for (std::string_view text; socket->take(text);) {
      const ServerMessage& message = parser.parse(text);
      switch (message.kind) {
        case ServerMessage::Kind::answer:
          if (message.ref == kAskRef) co_return std::string(text);
          break;
        case ServerMessage::Kind::error:
          co_return fail("refused", message.text);
        case ServerMessage::Kind::unknown:
          co_return fail("bad_response", "The server's message is not understood; is it ringcast?");
        default:
          break;
      }
    }
    const std::int64_t left_ms = by_ms - clock.now_ns() / kNsPerMs;
    if (left_ms <= 0) co_return fail("timed_out", "The server did not answer in time.");
    auto filled = co_await socket->fill(left_ms);
    if (!filled) co_return std::unexpected(filled.error());
  }
}

Task<int> print_answer(Scope* scope, std::string answer) {
  Output output;
  if (!answer.ends_with('\n')) answer += '\n';
  if (output.terminal()) {
    std::string printable;
    for (std::string_view rest = answer; !rest.empty();) {
      const std::size_t end = rest.find('\n');
      append_printable(printable, rest.substr(0, end));
      printable += '\n';
      rest.remove_prefix(end + 1);
    }
    answer = std::move(printable);
  }
  co_return output.exit_code(co_await output.write(scope, answer));
}

}  // namespace ringcast
