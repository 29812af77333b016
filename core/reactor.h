// One core's event loop: operations, timers, messages, coroutines.
//
// Who owns what: a Reactor and everything reached through it belongs to one thread. The exceptions
// are post() from a thread that is no reactor's, and the mailboxes (core/mailbox.h).
//
// A turn, in this order, for ever:
//   1. coroutines that were made ready run;
//   2. messages from other cores run;
//   3. the turn hooks run (the sweep lives there) and push a bounded number of operations;
//   4. messages to other cores are handed over, sleepers woken;
//   5. the driver submits and, if nothing is left to do, waits for a completion or a timer;
//   6. completions are delivered; 7. due timers fire.
// Completions are collected first and delivered after, so nothing recurses into the driver.
#pragma once

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/counter.h"
#include "core/driver.h"
#include "core/list.h"
#include "core/mailbox.h"
#include "core/operation.h"
#include "core/task.h"
#include "core/timer_wheel.h"

namespace ringcast {

// Something that works in every turn. Its hook must not run for long: it bounds everybody's
// latency.
class TurnHook : public ListHook {
 public:
  // Before the turn's messages are taken in.
  virtual void before_messages() {}
  // True if there is more to do at once: the reactor then does not wait.
  virtual bool run_turn() = 0;
  // After the turn's messages were handed over to the other cores.
  virtual void after_flush() {}

 protected:
  ~TurnHook() = default;
};

// An operation that wants a provided receive buffer while there is none: it waits its turn.
struct BufferWaiter : ListHook {
  Operation operation;
};

class Reactor {
 public:
  static constexpr std::size_t kTurnBounds = 10;

  Reactor(unsigned core, std::unique_ptr<Driver> driver);
  ~Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;

  // The reactor whose turn it is on this thread; null outside of turns.
  static Reactor* current();

  unsigned core() const { return core_; }
  Driver& driver() { return *driver_; }
  // Of this turn, but never before what its messages and completions tell of.
  std::int64_t now_ns() const { return now_ns_; }
  TimerWheel& timers() { return timers_; }

  void push(const Operation& operation) {
    if (operation.code == OpCode::close && operation.fd.is_direct()) --direct_descriptors_;
    driver_->push(operation);
  }
  // Direct descriptors in use: who gets one from an accept or adopt says so here.
  void opened_descriptor() { ++direct_descriptors_; }
  std::size_t direct_descriptors() const { return direct_descriptors_; }

  // Runs a detached coroutine until its end. The frame frees itself; shutdown waits for all of
  // them.
  void spawn(Task<void> task);
  std::size_t spawned() const { return spawned_; }

  // Resumes the coroutine in the next turn.
  void ready(std::coroutine_handle<> handle) { ready_.push_back(handle); }

  void add_hook(TurnHook& hook) { hooks_.push_back(hook); }

  // Sends a message to another core (or to this one, where it runs in the next turn).
  void send_to(Reactor& target, Message& message);
  // Runs a message on this reactor; callable from any thread, slower than send_to.
  void post(Message& message);

  // Pushes the operation again in a turn in which a provided buffer is free.
  void wait_for_buffer(BufferWaiter& waiter) { buffer_waiters_.push_back(waiter); }
  void return_buffer(std::uint16_t id) { driver_->return_buffer(id); }
  std::uint64_t buffer_waits() const { return buffer_waits_; }
  // How long it was, in seconds, from one visit to the kernel to the next: nobody else is served
  // meanwhile.
  const Histogram<kTurnBounds>& turn_seconds() const { return turn_seconds_; }

  // Makes the reactors able to send to each other; called once, before any of them runs.
  static void connect(const std::vector<Reactor*>& reactors);

  void run();                // until stop()
  bool turn(bool may_wait);  // one turn; false if nothing is left to do at once
  void stop() { stopped_ = true; }

 private:
  bool take_messages();
  void flush_messages();
  void retry_for_buffers();
  std::int64_t wait_limit_ns(std::int64_t now_ns, bool busy, bool may_wait);
  bool anything_arrived() const;
  void wake_if_sleeping();

  unsigned core_;
  std::unique_ptr<Driver> driver_;
  std::int64_t now_ns_;
  TimerWheel timers_;
  bool stopped_ = false;
  std::size_t spawned_ = 0;
  std::size_t direct_descriptors_ = 0;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::vector<Finished> finished_;
  List<TurnHook> hooks_;
  List<BufferWaiter> buffer_waiters_;
  std::uint64_t buffer_waits_ = 0;
  Histogram<kTurnBounds> turn_seconds_;
  std::vector<Reactor*> peers_;
  std::unique_ptr<Mailbox[]> inboxes_;  // inboxes_[n]: written by core n
  std::mutex posted_mutex_;
  Mailbox posted_;  // from threads that are no reactor's, under the mutex on the sender's side
  alignas(64) std::atomic<bool> sleeping_{false};
};

// Lets everybody else have their turn first.
struct NextTurn {
  Reactor& reactor;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const { reactor.ready(handle); }
  void await_resume() const {}
};

}  // namespace ringcast
