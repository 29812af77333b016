// A shard is everything that one core does with events: the topics at home here, and the hub of the
// subscribers connected here. It turns "publish to this topic" and "follow that one" into direct
// calls where the topic is at home on this core, and into messages where it is not.
//
// One core only. The awaitables below keep their message in the awaiting coroutine's frame.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/admission.h"
#include "core/fabric.h"
#include "core/hub.h"
#include "core/mailbox.h"
#include "core/reactor.h"
#include "core/result.h"
#include "core/task.h"
#include "core/topic_table.h"

namespace ringcast {

// A call to another core: runs `serve` there, comes back and resumes the caller. On the same core
// it runs at once. One that publishes waits while its home's intake is held.
class CoreCall : public Message {
 public:
  CoreCall(Reactor& from, Reactor& to) : Message(arrive), from_(from), to_(to) {}

  bool await_ready() {
    if (&from_ != &to_ || publishes_to_held() != nullptr) return false;
    serve();
    return true;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    from_.send_to(to_, *this);
  }

 protected:
  ~CoreCall() = default;
  virtual void serve() = 0;  // on the core `to`
  // The table that it publishes to, if that takes nothing now. On the core `to`.
  virtual TopicTable* publishes_to_held() { return nullptr; }

 private:
  static void arrive(Message& message) {
    auto& self = static_cast<CoreCall&>(message);
    if (TopicTable* const held = self.publishes_to_held()) {
      held->hold_back(self);
      return;
    }
    self.serve();
    self.handler = come_back;
    self.to_.send_to(self.from_, self);
  }
  static void come_back(Message& message) { static_cast<CoreCall&>(message).handle_.resume(); }

  Reactor& from_;
  Reactor& to_;
  std::coroutine_handle<> handle_;
};

struct BatchEvent {
  std::string_view topic;
  NewEvent event;
  std::uint64_t number = 0;  // out
};

class Shard {
 public:
  Shard(Reactor& reactor, Fabric& fabric, Admission& admission, const HubOptions& hub_options,
        const TopicTableOptions& table_options);
  ~Shard();

  static Shard& current();  // of the reactor whose turn it is

  Reactor& reactor() { return reactor_; }
  Fabric& fabric() { return fabric_; }
  Hub& hub() { return hub_; }
  TopicTable* topics() { return table_.get(); }  // null on a core that is no home

  // Publishes one event; the number it has in the history. Fails with topic_limit or handed_over,
  // as publish_batch does.
  class Publish;
  Publish publish(std::string_view topic, const NewEvent& event);

  // Publishes all or, if one topic cannot be created, none.
  Task<Result<void>> publish_batch(std::span<BatchEvent> events);

  // Hands the socket to the hub once every topic is followed here. On an error the socket is still
  // the caller's.
  Task<Result<void>> subscribe(Descriptor fd, Subscription subscription);

  // The same for a subscriber that is there already: it follows these too. more.head is sent first,
  // unless there is an error. Nothing happens if it has closed meanwhile.
  Task<Result<void>> follow_more(std::shared_ptr<SubscriberInput> input, Subscription more);

  // Applies new options to this core.
  void configure(const HubOptions& hub_options, const TopicTableOptions& table_options);

  static constexpr std::int64_t kMaintainEveryNs = 20'000'000;

 private:
  friend class TopicReader;
  class Attach;
  class WatchPattern;
  class PublishBatch;

  Reactor& home_reactor(unsigned home) { return fabric_.shards[home]->reactor(); }
  Task<Result<TopicView*>> follow(const std::string& name);
  Task<Result<void>> reach(const Subscription& subscription, Reached& reached);
  static void maintain(Timer& timer);

  struct Maintenance : Timer {
    explicit Maintenance(Shard& of) : Timer(maintain), shard(of) {}
    Shard& shard;
  };

  Reactor& reactor_;
  Fabric& fabric_;
  std::unique_ptr<TopicTable> table_;  // its hook runs before the hub's
  Hub hub_;
  Maintenance maintenance_;
};

class Shard::Publish final : public CoreCall {
 public:
  Publish(Reactor& from, Shard& home, std::string_view topic, const NewEvent& event)
      : CoreCall(from, home.reactor()), table_(*home.topics()), topic_(topic), event_(event) {}
  Result<std::uint64_t> await_resume() { return std::move(result_); }

 private:
  void serve() override;
  TopicTable* publishes_to_held() override { return table_.held() ? &table_ : nullptr; }
  TopicTable& table_;
  std::string_view topic_;
  NewEvent event_;
  Result<std::uint64_t> result_ = 0;
};

}  // namespace ringcast
