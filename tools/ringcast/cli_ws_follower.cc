#include "tools/ringcast/cli_ws_follower.h"

#include <fmt/format.h>

#include <utility>

namespace ringcast {

WsFollower::WsFollower(Scope& scope, const Endpoint& endpoint, WsFollowOptions options)
    : Follower(scope, options.follow),
      endpoint_(endpoint),
      options_(std::move(options)),
      socket_(scope, options_.socket),
      last_id_(options_.last_event_id) {}

Task<std::optional<int>> WsFollower::on_pause() { co_return std::nullopt; }

Task<Ending> WsFollower::read_stream() {
  std::string path = options_.path;
  if (!last_id_.empty()) {
    const char separator = path.find('?') == std::string::npos ? '?' : '&';
    path += fmt::format("{}last_event_id={}", separator, percent_encode(last_id_));
  }
  auto opened = co_await socket_.open(&endpoint_, std::move(path));
  if (!opened && socket_.status() != 0) co_return refused(socket_.response(), opened.error());
  // Whoever answers like this is no server of WebSocket, and will not become one.
  if (!opened && opened.error().code == "bad_upgrade") co_return give_up(opened.error().message);
  if (!opened) co_return lose(opened.error().message);
  connected();
  asked_retry_ms_.reset();
  on_connected();
  for (;;) {
    Ending ending = take_messages();
    if (const auto code = co_await on_pause()) ending = end_with(*code);
    if (ending != Ending::lost) co_return ending;
    const auto filled = co_await socket_.fill(pause_ms());
    if (filled) backoff().reset();
    if (!filled && filled.error().code != "timed_out") co_return lose_connection(filled.error());
  }
}

Ending WsFollower::take_messages() {
  Ending ending = Ending::lost;
  for (std::string_view text; ending == Ending::lost && socket_.take(text);) {
    on_message(text);
    ending = take(parser_.parse(text));
  }
  return ending;
}

Ending WsFollower::take(const ServerMessage& message) {
  using Kind = ServerMessage::Kind;
  switch (message.kind) {
    case Kind::event:
      if (!message.event.id.empty()) last_id_ = message.event.id;
      return on_event(message.event);
    case Kind::position:
      if (!message.event.id.empty()) last_id_ = message.event.id;
      return Ending::lost;
    case Kind::drain:
      asked_retry_ms_ = message.retry_ms;
      return Ending::lost;
    case Kind::error:
      return give_up(message.text);
    case Kind::answer:
      return on_answer(message);
    case Kind::unknown:
      return give_up("The server's message is not understood; is it ringcast?");
  }
  return Ending::lost;
}

Ending WsFollower::lose_connection(const Error& error) {
  return lose(asked_retry_ms_ ? "The server is going away." : error.message);
}

}  // namespace ringcast
