#include "core/reactor.h"

#include <algorithm>

namespace ringcast {
namespace {

thread_local Reactor* current_reactor = nullptr;

// A coroutine that starts at once and frees itself at its end.
struct Detached {
  struct promise_type : detail::PooledFrame {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Detached run_detached(std::size_t* running, Task<void> task) {
  ++*running;
  co_await std::move(task);
  --*running;
}

}  // namespace

Reactor::Reactor(unsigned core, std::unique_ptr<Driver> driver)
    : core_(core),
      driver_(std::move(driver)),
      now_ns_(driver_->now_ns()),
      timers_(now_ns_),
      turn_seconds_({20e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 20e-3, 100e-3}) {
  ready_.reserve(1024);
  running_.reserve(1024);
  finished_.reserve(2048);
}

Reactor::~Reactor() = default;

Reactor* Reactor::current() { return current_reactor; }

void Reactor::spawn(Task<void> task) { run_detached(&spawned_, std::move(task)); }

void Reactor::connect(const std::vector<Reactor*>& reactors) {
  for (Reactor* reactor : reactors) {
    reactor->peers_ = reactors;
    reactor->inboxes_ = std::make_unique<Mailbox[]>(reactors.size());
  }
}

void Reactor::send_to(Reactor& target, Message& message) {
  RINGCAST_CHECK(target.core_ < target.peers_.size());
  target.inboxes_[core_].collect(message);
}

void Reactor::post(Message& message) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.collect(message);
    posted_.flush();
  }
  wake_if_sleeping();
}

void Reactor::retry_for_buffers() {
  if (buffer_waiters_.empty()) return;
  const Driver::Counters counters = driver_->counters();
  for (std::uint64_t n = counters.buffers_total - counters.buffers_out; n > 0; --n) {
    BufferWaiter* waiter = buffer_waiters_.pop_front();
    if (waiter == nullptr) return;
    ++buffer_waits_;
    push(waiter->operation);
  }
}

void Reactor::wake_if_sleeping() {
  // Pairs with the fence in wait_limit_ns: either the sleeper sees the message, or we see it
  // asleep.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (sleeping_.load(std::memory_order_relaxed) &&
      sleeping_.exchange(false, std::memory_order_acq_rel)) {
    driver_->wake();
  }
}

bool Reactor::take_messages() {
  bool any = false;
  const auto run_all = [&any, this](Mailbox& mailbox) {
    for (Message* message = mailbox.take(); message != nullptr;) {
      // It may have been sent since the turn began, and times count from now.
      if (!any) now_ns_ = driver_->now_ns();
      Message* next = message->next;  // the handler may end or re-send the message
      message->handler(*message);
      message = next;
      any = true;
    }
  };
  for (std::size_t from = 0; from < peers_.size(); ++from) run_all(inboxes_[from]);
  run_all(posted_);
  return any;
}

bool Reactor::anything_arrived() const {
  for (std::size_t from = 0; from < peers_.size(); ++from) {
    if (!inboxes_[from].empty()) return true;
  }
  return !posted_.empty();
}

void Reactor::flush_messages() {
  for (Reactor* peer : peers_) {
    if (peer->inboxes_[core_].flush() && peer != this) peer->wake_if_sleeping();
  }
}

std::int64_t Reactor::wait_limit_ns(std::int64_t now_ns, bool busy, bool may_wait) {
  if (busy || !may_wait || stopped_) return 0;
  sleeping_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (anything_arrived()) {
    sleeping_.store(false, std::memory_order_relaxed);
    return 0;
  }
  const std::int64_t deadline = timers_.next_deadline_ns();
  if (deadline < 0) return -1;
  return std::max<std::int64_t>(deadline - now_ns, 0);
}

bool Reactor::turn(bool may_wait) {
  Reactor* const outer = std::exchange(current_reactor, this);
  const std::int64_t began_ns = now_ns_;
  running_.swap(ready_);
  for (const std::coroutine_handle<> handle : running_) handle.resume();
  running_.clear();
  hooks_.for_each([](TurnHook& hook) { hook.before_messages(); });
  bool busy = take_messages();
  hooks_.for_each([&busy](TurnHook& hook) { busy |= hook.run_turn(); });
  flush_messages();
  hooks_.for_each([](TurnHook& hook) { hook.after_flush(); });
  busy |= !ready_.empty();
  retry_for_buffers();
  const std::int64_t now_ns = driver_->now_ns();
  turn_seconds_.observe(static_cast<double>(now_ns - began_ns) * 1e-9);
  driver_->turn(wait_limit_ns(now_ns, busy, may_wait), finished_);
  sleeping_.store(false, std::memory_order_relaxed);
  now_ns_ = driver_->now_ns();
  for (const Finished& done : finished_) {
    done.completion->handler(*done.completion, done.result, done.flags, done.tag);
  }
  busy |= !finished_.empty() || !ready_.empty();
  finished_.clear();
  timers_.advance(now_ns_);
  current_reactor = outer;
  return busy;
}

void Reactor::run() {
  while (!stopped_) turn(true);
}

}  // namespace ringcast
