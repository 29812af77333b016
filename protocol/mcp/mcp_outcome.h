// Whoever answers a request over HTTP waits here until the call has its reply, or begins to stream.
//
// A call that says nothing for a while begins to stream by itself, so that what lies between it and
// its client hears of it by keep-alive comments. One core only.
#pragma once

#include <coroutine>
#include <cstdint>
#include <utility>

#include "core/reactor.h"
#include "core/timer_wheel.h"
#include "protocol/mcp/mcp_call.h"

namespace ringcast {

class McpOutcome final : public McpCallOwner, Timer {
 public:
  explicit McpOutcome(Reactor& reactor) : Timer(expire), reactor_(reactor) {}
  ~McpOutcome() { TimerWheel::disarm(*this); }
  McpOutcome(const McpOutcome&) = delete;
  McpOutcome& operator=(const McpOutcome&) = delete;

  // The call's response becomes a stream once it has been silent for so long.
  void stream_after(McpCall& call, std::int64_t quiet_ns) {
    silent_ = &call;
    quiet_ns_ = quiet_ns;
  }

  bool await_ready() const { return moved_; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    if (silent_ != nullptr) reactor_.timers().arm(*this, reactor_.now_ns() + quiet_ns_);
  }
  void await_resume() const {}

  void call_moved() override {
    moved_ = true;
    TimerWheel::disarm(*this);
    if (handle_) reactor_.ready(std::exchange(handle_, {}));
  }

 private:
  static void expire(Timer& timer) { static_cast<McpOutcome&>(timer).silent_->stream(); }

  Reactor& reactor_;
  McpCall* silent_ = nullptr;
  std::int64_t quiet_ns_ = 0;
  std::coroutine_handle<> handle_;
  bool moved_ = false;
};

}  // namespace ringcast
