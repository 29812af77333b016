// HAProxy's agent checks: whoever connects is told in a line how this server is, and that is all.
//
//   ready up   serves
//   drain      leaves: what there is stays, nothing new is to come
//   down #starting
//
// Never a weight: 99 % of a server whose weight is 1, the default, is 0 to HAProxy, and takes it
// out. Never maxconn: that would override the one in HAProxy's configuration.
//
// Core 0 owns it. It answers until the drain is over, so that HAProxy learns of it.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>

#include "core/reactor.h"
#include "core/task.h"
#include "net/listener.h"
#include "protocol/server_state.h"

namespace ringcast {

// The line for what the server is doing now.
std::string_view agent_answer(const ServerState& state);

class AgentCheck final : public Acceptor::Sink {
 public:
  AgentCheck(Reactor& reactor, int listener, ServerState& state);  // takes the listener over
  ~AgentCheck();

  // `kept`: sockets from which others go on to accept.
  void stop(std::span<const int> kept) {
    acceptor_.stop(std::ranges::find(kept, acceptor_.listener()) != kept.end());
  }
  bool finished() const { return count_ == 0 && acceptor_.idle(); }

 private:
  struct Connection;

  void accepted(Descriptor fd, const SocketAddress& peer) override;
  static Task<void> run(AgentCheck* self, Connection* connection);

  Reactor& reactor_;
  ServerState& state_;
  Acceptor acceptor_;
  std::size_t count_ = 0;
};

}  // namespace ringcast
