// Runs a coroutine on another core and awaits what it gives.
//
//   const Reply reply = co_await on_core<Reply>(here, there, [&] { return serve(request); });
//
// Which core touches it: the caller keeps the call in its own frame and does not go on before the
// answer is back, so what `make` refers to may live there too; only the core `to` touches it
// meanwhile. On the same core it is an ordinary await. `make` is not a coroutine: it calls one.
#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "core/mailbox.h"
#include "core/reactor.h"
#include "core/task.h"

namespace ringcast {

template <class T, class Make>
class RemoteTask : public Message {
 public:
  RemoteTask(Reactor& from, Reactor& to, Make& make)
      : Message(arrive), from_(from), to_(to), make_(make) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    from_.send_to(to_, *this);
  }
  T await_resume() { return std::move(*result_); }

 private:
  static void arrive(Message& message) {
    auto& self = static_cast<RemoteTask&>(message);
    self.to_.spawn(run(&self));
  }
  static Task<void> run(RemoteTask* self) {
    self->result_.emplace(co_await self->make_());
    self->handler = come_back;
    self->to_.send_to(self->from_, *self);
  }
  static void come_back(Message& message) { static_cast<RemoteTask&>(message).handle_.resume(); }

  Reactor& from_;
  Reactor& to_;
  Make& make_;
  std::optional<T> result_;
  std::coroutine_handle<> handle_;
};

template <class T, class Make>
Task<T> on_core(Reactor& from, Reactor& to, Make make) {
  if (&from == &to) co_return co_await make();
  RemoteTask<T, Make> call(from, to, make);
  co_return co_await call;
}

}  // namespace ringcast
