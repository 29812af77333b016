// Awaitable operations on one socket under a scope.
//
// Results are the kernel's: bytes or 0 or -errno, and -ECANCELED once the scope is cancelled;
// -ETIMEDOUT when an operation has not ended `by` its deadline (the reactor's nanoseconds). At
// most one send and one receive at a time. A Socket must be closed by `co_await close()` after all
// other operations on it have returned; closing cancels nothing by itself.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <coroutine>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/operation.h"
#include "core/reactor.h"
#include "core/scope.h"

namespace ringcast {

// An operation whose awaiter, living in the coroutine's frame, is its own completion.
class SocketOperation : public Completion, protected Cancellable, protected Timer {
 public:
  SocketOperation(Scope& scope, const Operation& operation, std::int64_t by = -1)
      : Completion(finish),
        Cancellable(stop),
        Timer(expire),
        scope_(scope),
        operation_(operation),
        deadline_ns_(by) {}

  bool await_ready() {
    if (!scope_.cancelled()) return false;
    result_ = -ECANCELED;
    return true;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    operation_.completion = this;
    scope_.add(*this);
    scope_.reactor().push(operation_);
    if (deadline_ns_ >= 0) scope_.reactor().timers().arm(*this, deadline_ns_);
  }
  std::int32_t await_resume() const { return result_; }

 protected:
  void set_deadline(std::int64_t deadline_ns) { deadline_ns_ = deadline_ns; }

  static void finish(Completion& completion, std::int32_t result, std::uint32_t flags, unsigned) {
    auto& self = static_cast<SocketOperation&>(completion);
    static_cast<Cancellable&>(self).unlink();
    TimerWheel::disarm(self);
    self.result_ = self.expired_ && result == -ECANCELED ? -ETIMEDOUT : result;
    self.flags_ = flags;
    self.handle_.resume();
  }
  static void stop(Cancellable& waiting) {
    auto& self = static_cast<SocketOperation&>(waiting);
    Completion& in_flight = self;
    Operation cancel{.code = OpCode::cancel, .fd = self.operation_.fd};
    cancel.data = &in_flight;
    self.scope_.reactor().push(cancel);
  }

  static void expire(Timer& timer) {
    auto& self = static_cast<SocketOperation&>(timer);
    Cancellable& waiting = self;
    if (!waiting.linked()) return;  // cancelled already
    self.expired_ = true;
    waiting.unlink();
    waiting.cancel(waiting);
  }

  Scope& scope_;
  Operation operation_;
  std::coroutine_handle<> handle_;
  std::int64_t deadline_ns_ = -1;
  bool expired_ = false;
  std::int32_t result_ = 0;
  std::uint32_t flags_ = 0;
};

// What came in, in a provided buffer that goes back to the core when this ends.
class Received {
 public:
  Received(Reactor& reactor, std::int32_t result, std::uint32_t flags)
      : reactor_(&reactor), result_(result), flags_(flags) {}
  Received(Received&& other) noexcept
      : reactor_(other.reactor_), result_(other.result_), flags_(std::exchange(other.flags_, 0)) {}
  Received& operator=(Received&&) = delete;
  ~Received() {
    if ((flags_ & kHasBuffer) != 0) reactor_->return_buffer(buffer_of(flags_));
  }

  std::int32_t result() const { return result_; }
  std::string_view bytes() const {
    if (result_ <= 0) return {};
    return {reactor_->driver().buffer(buffer_of(flags_)).data(), static_cast<std::size_t>(result_)};
  }

 private:
  Reactor* reactor_;
  std::int32_t result_;
  std::uint32_t flags_;
};

// Receives into a provided buffer; while all are taken, it waits for one.
class ReceiveOperation : public SocketOperation, BufferWaiter {
 public:
  ReceiveOperation(Scope& scope, Descriptor fd, std::int64_t by)
      : SocketOperation(scope, {.code = OpCode::recv_provided, .fd = fd}) {
    set_deadline(by);
    Completion::handler = finish_or_wait;
    Cancellable::cancel = stop_or_leave;
  }
  Received await_resume() { return Received(scope_.reactor(), result_, flags_); }

 private:
  static void finish_or_wait(Completion& completion, std::int32_t result, std::uint32_t flags,
                             unsigned tag) {
    auto& self = static_cast<ReceiveOperation&>(completion);
    if (result == -ENOBUFS) {
      if (!self.scope_.cancelled() && !self.expired_) {
        self.BufferWaiter::operation = self.operation_;
        self.scope_.reactor().wait_for_buffer(self);
        return;
      }
      // It was to end already, and nothing could end it in the line: its cancel is under way.
      result = -ECANCELED;
    }
    finish(completion, result, flags, tag);
  }
  static void stop_or_leave(Cancellable& waiting) {
    auto& self = static_cast<ReceiveOperation&>(waiting);
    BufferWaiter& in_line = self;
    if (in_line.linked()) {
      in_line.unlink();
      self.result_ = self.expired_ ? -ETIMEDOUT : -ECANCELED;
      TimerWheel::disarm(self);
      self.scope_.reactor().ready(self.handle_);
    } else {
      stop(waiting);
    }
  }
};

class Socket {
 public:
  Socket(Scope& scope, Descriptor fd) : scope_(&scope), fd_(fd) {}

  Descriptor descriptor() const { return fd_; }
  Scope& scope() const { return *scope_; }

  static constexpr std::int64_t kNoDeadline = -1;

  ReceiveOperation receive(std::int64_t by = kNoDeadline) const {
    return ReceiveOperation(*scope_, fd_, by);
  }
  SocketOperation receive_into(std::span<char> buffer, std::int64_t by = kNoDeadline) const {
    return make(OpCode::recv, buffer.data(), buffer.size(), by);
  }
  // Sends all of it; the result is less only if the connection broke.
  SocketOperation send(std::string_view bytes, std::int64_t by = kNoDeadline) const {
    return make(OpCode::send, const_cast<char*>(bytes.data()), bytes.size(), by);
  }
  SocketOperation connect(const sockaddr* address, socklen_t length,
                          std::int64_t by = kNoDeadline) const {
    return make(OpCode::connect, const_cast<sockaddr*>(address), length, by);
  }
  SocketOperation shutdown(int how) const {
    return make(OpCode::shutdown, nullptr, static_cast<std::size_t>(how), kNoDeadline);
  }

  // Also when the scope is cancelled: a descriptor must not leak.
  auto close() const {
    struct Close : Completion {
      Reactor& reactor;
      Descriptor fd;
      std::coroutine_handle<> handle;
      Close(Reactor& on, Descriptor what) : Completion(done), reactor(on), fd(what) {}
      bool await_ready() const { return !fd.valid(); }
      void await_suspend(std::coroutine_handle<> waiting) {
        handle = waiting;
        Operation operation{.code = OpCode::close, .fd = fd};
        operation.completion = this;
        reactor.push(operation);
      }
      void await_resume() const {}
      static void done(Completion& self, std::int32_t, std::uint32_t, unsigned) {
        static_cast<Close&>(self).handle.resume();
      }
    };
    return Close(scope_->reactor(), fd_);
  }

 private:
  SocketOperation make(OpCode code, void* data, std::size_t size, std::int64_t by) const {
    Operation operation{.code = code, .fd = fd_};
    operation.data = data;
    operation.size = static_cast<std::uint32_t>(size);
    return SocketOperation(*scope_, operation, by);
  }

  Scope* scope_;
  Descriptor fd_;
};

}  // namespace ringcast
