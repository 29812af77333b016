// Follows topics over WebSocket: each connection resumes after the last event of the one before.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/ringcast/cli_follower.h"
#include "tools/ringcast/cli_message.h"
#include "tools/ringcast/cli_websocket.h"

namespace ringcast {

struct WsFollowOptions {
  FollowOptions follow;
  WebSocketClientOptions socket;
  std::string path;           // with a query
  std::string last_event_id;  // to begin after; empty: none
};

class WsFollower : public Follower {
 protected:
  WsFollower(Scope& scope, const Endpoint& endpoint, WsFollowOptions options);
  ~WsFollower() = default;

  // Each message as it came, before what it says.
  virtual void on_message(std::string_view) {}
  // Lost: there is more to come. What is queued here is sent soon.
  virtual Ending on_event(const StreamEvent& event) = 0;
  // To a command of ours.
  virtual Ending on_answer(const ServerMessage&) { return Ending::lost; }
  // No more messages are there just now; an exit code to end with, if any.
  virtual Task<std::optional<int>> on_pause();
  // How long it may take until on_pause() is called again without a message.
  virtual std::int64_t pause_ms() const { return HttpClient::kNoLimit; }
  virtual void on_connected() {}

  WebSocketClient& socket() { return socket_; }

 private:
  Task<Ending> read_stream() final;
  void close() final { socket_.close(); }
  const std::string& last_id() const final { return last_id_; }
  std::optional<std::int64_t> asked_retry_ms() const final { return asked_retry_ms_; }

  Ending take_messages();
  Ending take(const ServerMessage& message);
  Ending lose_connection(const Error& error);

  const Endpoint& endpoint_;
  WsFollowOptions options_;
  WebSocketClient socket_;
  MessageParser parser_;
  std::string last_id_;
  std::optional<std::int64_t> asked_retry_ms_;  // of a drain
};

}  // namespace ringcast
