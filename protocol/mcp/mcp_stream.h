// Messages on their way to one client, in order.
//
// Calls push; whoever holds the connection fetches, formats and sends. Messages are numbered from 1
// and kept for a while after they were fetched, so that a client that was cut off goes on where it
// was: resumption is a matter of fetching again from there. One reader at a time: whoever attaches
// last, so that a reconnecting client takes its stream over.
//
// Limits: what was fetched is kept up to `keep_bytes`. Who pushes should wait while more than
// `unread_bytes` have not been fetched (room()); when nobody has been attached for `patience_ns`
// there is always room, and the oldest goes.
//
// One core only.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/list.h"
#include "core/scope.h"
#include "core/task.h"

namespace ringcast {

struct McpStreamLimits {
  std::size_t keep_bytes = 4 << 20;
  std::size_t unread_bytes = 256 << 10;
  std::int64_t patience_ns = 30'000'000'000;
};

class McpStream {
 public:
  using Token = std::uint32_t;  // of a reader; 0: none

  // How messages become bytes.
  enum class Form : std::uint8_t {
    events,           // of an event stream
    numbered_events,  // with an id `STREAM-NUMBER` each
    lines,            // each ends with a line feed
  };

  struct Fetched {
    std::string bytes;
    std::uint64_t position = 0;  // the last message among them, or what was given
    bool finished = false;       // nothing follows
    std::int64_t retry_ms = -1;  // with gone: the client is to come again after this time
    bool gone = false;           // somebody else reads now, or the stream is no more
  };

  class Room;
  class Arrival;

  McpStream(Reactor& reactor, std::uint32_t id, const McpStreamLimits& limits);
  McpStream(const McpStream&) = delete;
  McpStream& operator=(const McpStream&) = delete;
  ~McpStream();

  std::uint32_t id() const { return id_; }

  void push(std::string_view message);  // JSON
  void finish();
  bool finished() const { return finished_; }
  std::uint64_t last() const { return last_; }
  // The last message that was fetched.
  std::uint64_t delivered() const { return fetched_; }
  // Whether this very message waits to be fetched.
  bool has_unread(std::string_view message) const;
  std::size_t kept_bytes() const { return kept_bytes_; }
  bool has_room() const;
  // Waits until there is room; false if the scope was cancelled meanwhile.
  [[nodiscard]] Room room(Scope& scope);

  // The caller becomes the reader; who was it until now is told so.
  Token attach();
  void detach(Token token);
  bool attached() const { return token_ != 0; }
  bool was_attached() const { return next_token_ != 1; }  // ever
  // Sends the reader away: it is to come again after `retry_ms`.
  void dismiss(std::int64_t retry_ms);
  // Whether everything after `position` is still there.
  bool can_resume(std::uint64_t position) const;
  bool all_fetched() const { return fetched_ == last_; }

  // Whether there is nothing to fetch for this reader now.
  bool quiet(Token token, std::uint64_t position) const {
    return token_ == token && last_ <= position && !finished_ && dismissed_ms_ < 0;
  }
  // Waits for the next message, or for the reader's end; false if the stream is no more.
  [[nodiscard]] Arrival arrival(std::int64_t until_ns);
  // What follows `position`, at most about `most_bytes`; waits for it until `until_ns` and gives
  // nothing then.
  static Task<Fetched> fetch(McpStream* stream, Token token, std::uint64_t position,
                             std::int64_t until_ns, Form form, std::size_t most_bytes);

 private:
  struct WriterHook : ListHook {};

  void wake_reader();
  void wake_writers();
  void trim();
  void take(Fetched& out, Form form, std::size_t most_bytes);

  Reactor& reactor_;
  std::uint32_t id_;
  const McpStreamLimits& limits_;
  std::vector<std::string> messages_;  // those before `first_` are gone
  std::size_t first_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t unread_bytes_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t fetched_ = 0;
  std::int64_t detached_ns_;
  Token token_ = 0;
  Token next_token_ = 1;
  bool finished_ = false;
  std::int64_t dismissed_ms_ = -1;
  Arrival* waiting_ = nullptr;
  List<Room, WriterHook> writers_;
};

class [[nodiscard]] McpStream::Room : WriterHook, Cancellable, Timer {
 public:
  Room(McpStream& stream, Scope& scope)
      : Cancellable(stop), Timer(expire), stream_(stream), scope_(scope) {}

  bool await_ready() const { return scope_.cancelled() || stream_.has_room(); }
  void await_suspend(std::coroutine_handle<> handle);
  bool await_resume() const { return !scope_.cancelled(); }

 private:
  friend class McpStream;
  friend class List<Room, WriterHook>;
  static void stop(Cancellable& waiting);
  static void expire(Timer& timer);
  void resume();

  McpStream& stream_;
  Scope& scope_;
  std::coroutine_handle<> handle_;
};

// The reader that waits for the next message.
class [[nodiscard]] McpStream::Arrival : Timer {
 public:
  Arrival(McpStream& stream, std::int64_t until_ns)
      : Timer(expire), stream_(&stream), until_ns_(until_ns) {}

  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    stream_->waiting_ = this;
    reactor_ = &stream_->reactor_;
    if (until_ns_ >= 0) reactor_->timers().arm(*this, until_ns_);
  }
  bool await_resume() {
    if (stream_ != nullptr) stream_->waiting_ = nullptr;
    return stream_ != nullptr;
  }

 private:
  friend class McpStream;
  void wake() {
    if (woken_) return;
    woken_ = true;
    TimerWheel::disarm(*this);
    reactor_->ready(handle_);
  }
  void stream_ended() {
    stream_ = nullptr;
    wake();
  }
  static void expire(Timer& timer) { static_cast<Arrival&>(timer).wake(); }

  McpStream* stream_;
  Reactor* reactor_ = nullptr;
  std::int64_t until_ns_;
  std::coroutine_handle<> handle_;
  bool woken_ = false;
};

inline McpStream::Arrival McpStream::arrival(std::int64_t until_ns) { return {*this, until_ns}; }

inline McpStream::Room McpStream::room(Scope& scope) { return {*this, scope}; }

}  // namespace ringcast
