#include "protocol/agent_check.h"

#include <sys/socket.h>

#include "core/scope.h"
#include "core/socket.h"

namespace ringcast {
namespace {

// A proxy has one at a time for each of its processes; each lasts a second at most.
constexpr std::size_t kMostAtOnce = 64;
constexpr std::int64_t kPatienceNs = 1'000'000'000;
constexpr int kMostReceives = 4;

}  // namespace

struct AgentCheck::Connection {
  Connection(Reactor& reactor, Descriptor fd) : scope(reactor), socket(scope, fd) {}
  Scope scope;
  Socket socket;
};

std::string_view agent_answer(const ServerState& state) {
  switch (state.phase.load(std::memory_order_relaxed)) {
    case Phase::starting:
      return "down #starting\n";
    case Phase::serving:
      return "ready up\n";
    case Phase::leaving:
    case Phase::draining:
      break;
  }
  return "drain\n";
}

AgentCheck::AgentCheck(Reactor& reactor, int listener, ServerState& state)
    : reactor_(reactor), state_(state), acceptor_(reactor, listener, *this) {
  acceptor_.start();
}

AgentCheck::~AgentCheck() { RINGCAST_CHECK(count_ == 0); }

void AgentCheck::accepted(Descriptor fd, const SocketAddress&) {
  if (count_ >= kMostAtOnce) {
    state_.agent_checks_refused.fetch_add(1, std::memory_order_relaxed);
    reactor_.push({.code = OpCode::close, .fd = fd});
    return;
  }
  ++count_;
  reactor_.spawn(run(this, new Connection(reactor_, fd)));
}

Task<void> AgentCheck::run(AgentCheck* self, Connection* connection) {
  const std::string_view answer = agent_answer(self->state_);
  const std::int64_t deadline = self->reactor_.now_ns() + kPatienceNs;
  const Socket& socket = connection->socket;
  if (co_await socket.send(answer, deadline) == static_cast<std::int32_t>(answer.size())) {
    self->state_.agent_checks.fetch_add(1, std::memory_order_relaxed);
    co_await socket.shutdown(SHUT_WR);
    // With what HAProxy may have sent (agent-send) unread, the close would be a reset.
    for (int i = 0; i < kMostReceives; ++i) {
      const Received received = co_await socket.receive(deadline);
      if (received.result() <= 0) break;
    }
  }
  co_await connection->scope.join();
  co_await socket.close();
  --self->count_;
  delete connection;
}

}  // namespace ringcast
