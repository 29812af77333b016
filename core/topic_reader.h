// Reads a topic from inside the program, on any core: history, and events as they come.
//
//   TopicReader reader(shard);
//   if (auto opened = co_await reader.open("jobs.42"); !opened) …
//   reader.seek_after(number);
//   for (;;) {
//     while (const auto event = reader.next()) use(*event);
//     if (!co_await reader.wait(scope, deadline_ns)) break;
//   }
//
// It holds the topic's view of this core, as a subscriber does, and reads from the same log. One
// core only; it must not outlive its shard.
#pragma once

#include <coroutine>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/event_stream.h"
#include "core/result.h"
#include "core/scope.h"
#include "core/shard.h"
#include "core/task.h"
#include "core/topic_view.h"

namespace ringcast {

class TopicReader final : TopicWatcher {
 public:
  struct Event {
    std::uint64_t number;
    EventParts parts;  // into the log: good until the next co_await
  };
  class Wait;

  explicit TopicReader(Shard& shard) : shard_(shard) {}
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;
  ~TopicReader();

  // Stands behind the last event then. Creates the topic if need be. Errors: topic_limit.
  Task<Result<void>> open(std::string topic);

  void seek_earliest();
  void seek_after(std::uint64_t number);
  // Before the last `count` events.
  void seek_last(std::uint64_t count);

  // Nothing: there are no more yet.
  std::optional<Event> next();
  // Waits until there may be more; false if that took too long (`until_ns`; negative: never) or the
  // scope was cancelled.
  [[nodiscard]] Wait wait(Scope& scope, std::int64_t until_ns);

  // How often events were gone before they were read.
  std::uint64_t gaps() const { return gaps_; }

 private:
  void moved() override;

  Shard& shard_;
  TopicView* view_ = nullptr;
  Cursor cursor_;
  Wait* waiting_ = nullptr;
  std::uint64_t gaps_ = 0;
};

class [[nodiscard]] TopicReader::Wait : Cancellable, Timer {
 public:
  Wait(TopicReader& reader, Scope& scope, std::int64_t until_ns)
      : Cancellable(stop), Timer(expire), reader_(reader), scope_(scope), until_ns_(until_ns) {}

  bool await_ready() {
    more_ = reader_.view_->has_event(reader_.cursor_);
    return more_ || scope_.cancelled();
  }
  void await_suspend(std::coroutine_handle<> handle);
  bool await_resume() const { return more_; }

 private:
  friend class TopicReader;
  static void stop(Cancellable& waiting);
  static void expire(Timer& timer);
  void resume(bool more);

  TopicReader& reader_;
  Scope& scope_;
  std::int64_t until_ns_;
  std::coroutine_handle<> handle_;
  bool more_ = false;
};

inline TopicReader::Wait TopicReader::wait(Scope& scope, std::int64_t until_ns) {
  return {*this, scope, until_ns};
}

}  // namespace ringcast
