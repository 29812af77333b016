// Scope: owns the coroutines of one connection (or job) and ends them together.
//
// Coroutines spawned into a scope share its cancellation: cancel() asks the kernel to end every
// operation that waits under the scope; each of them still gets its last completion (-ECANCELED),
// its coroutine returns on its own, and join() resumes when the last has. A scope must be joined
// before it is destroyed. One core only.
#pragma once

#include <coroutine>
#include <cstdint>

#include "core/list.h"
#include "core/reactor.h"
#include "core/task.h"

namespace ringcast {

class Sleep;

// Something suspended that cancel() reaches.
struct Cancellable : ListHook {
  using Handler = void (*)(Cancellable&);
  explicit Cancellable(Handler on_cancel) : cancel(on_cancel) {}
  Handler cancel;
};

class Scope {
 public:
  explicit Scope(Reactor& reactor) : reactor_(reactor) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  ~Scope() { RINGCAST_CHECK(children_ == 0); }

  Reactor& reactor() { return reactor_; }
  void spawn(Task<void> task);
  void cancel();
  bool cancelled() const { return cancelled_; }

  // For awaitables: while suspended, be reachable by cancel().
  void add(Cancellable& waiting) { waiting_.push_back(waiting); }

  // Suspends for the time given; false if the scope was cancelled before it was over.
  Sleep sleep(std::int64_t duration_ns);

  // Resumes when no child is left.
  auto join() {
    struct Awaiter {
      Scope& scope;
      bool await_ready() const { return scope.children_ == 0; }
      void await_suspend(std::coroutine_handle<> handle) const { scope.joiner_ = handle; }
      void await_resume() const {}
    };
    return Awaiter{*this};
  }

 private:
  static Task<void> child(Scope* scope, Task<void> task);

  Reactor& reactor_;
  List<Cancellable> waiting_;
  std::size_t children_ = 0;
  bool cancelled_ = false;
  std::coroutine_handle<> joiner_;
};

// The awaitable behind Scope::sleep().
class Sleep : Timer, Cancellable {
 public:
  Sleep(Scope& scope, std::int64_t duration_ns)
      : Timer(expire), Cancellable(stop), scope_(scope), duration_ns_(duration_ns) {}

  bool await_ready() const { return scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    scope_.add(*this);
    scope_.reactor().timers().arm(*this, scope_.reactor().now_ns() + duration_ns_);
  }
  bool await_resume() const { return !scope_.cancelled(); }

 private:
  static void expire(Timer& timer) {
    auto& self = static_cast<Sleep&>(timer);
    static_cast<Cancellable&>(self).unlink();
    self.handle_.resume();
  }
  static void stop(Cancellable& waiting) {
    auto& self = static_cast<Sleep&>(waiting);
    TimerWheel::disarm(self);
    self.scope_.reactor().ready(self.handle_);
  }

  Scope& scope_;
  std::int64_t duration_ns_;
  std::coroutine_handle<> handle_;
};

inline Sleep Scope::sleep(std::int64_t duration_ns) { return {*this, duration_ns}; }

}  // namespace ringcast
