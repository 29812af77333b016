// The topics whose home this core is.
//
// Publishing numbers an event, appends it to its topic's log and marks the topic; once a turn, all
// marked topics tell the cores that read them. Everything else here keeps the memory bounded:
// topics are trimmed as they grow and as they age, empty unread ones go, and when the logs of this
// home exceed their share of memory, the longest unpublished topics lose their history first.
//
// Home core only.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/counter.h"
#include "core/fabric.h"
#include "core/reactor.h"
#include "core/removed_topics.h"
#include "core/result.h"
#include "core/topic.h"

namespace ringcast {

class Hub;

// Which rules a topic gets: the first pattern (or name) that matches, else the defaults.
struct TopicRulesTable {
  TopicRules defaults;
  std::vector<std::pair<std::string, TopicRules>> by_pattern;
  const TopicRules& of(std::string_view topic) const;
};

struct TopicTableOptions {
  std::shared_ptr<const TopicRulesTable> rules = std::make_shared<TopicRulesTable>();
  std::uint64_t max_topics = 100'000;                   // on all homes together
  std::uint64_t memory_bytes = std::uint64_t{1} << 30;  // of this home's logs
};

struct TopicInfo {
  std::string name;
  std::uint64_t events;
  std::uint64_t bytes;
  std::uint64_t subscribers;
  std::uint64_t first_number;  // 0: none
  std::uint64_t last_number;
};

// Sees the events of some topics as they are published, on their home core.
class TopicObserver {
 public:
  virtual bool observes(std::string_view topic) const = 0;  // asked once, when it comes into being
  virtual void published(const Topic& topic, const NewEvent& event) = 0;

 protected:
  ~TopicObserver() = default;
};

class TopicTable final : public TurnHook {
 public:
  TopicTable(Reactor& reactor, Fabric& fabric, TopicTableOptions options);
  ~TopicTable();

  void connect(Hub& hub) { hub_ = &hub; }
  void set_observer(TopicObserver* observer) { observer_ = observer; }  // before any topic is there
  void set_options(const TopicTableOptions& options);

  Topic* find(std::string_view name);
  Result<Topic*> find_or_create(std::string_view name);
  // Stores the event unless its key is in the history already; returns its number either way.
  std::uint64_t publish(Topic& topic, const NewEvent& event);
  std::uint64_t last_number() const { return last_number_; }

  Result<TopicLink*> attach(std::string_view name, unsigned core);
  void detach(TopicLink& link);
  void released(TopicLink& link);
  // Links `core` to all topics that match now, and from now on to those that are created. Returns
  // the last number in matching topics that were removed; 0 if there were none.
  std::uint64_t watch(std::string_view pattern, unsigned core, std::vector<TopicLink*>& links);
  void unwatch(std::string_view pattern, unsigned core);

  void describe(std::vector<TopicInfo>& out) const;

  // One part of the periodic work; called often, each call does a share of it.
  void maintain();

  bool run_turn() override;
  void after_flush() override;

  struct Counters {
    Counter published;
    Counter duplicates;
    Counter evicted_memory;  // segments
    Counter topics;
    Counter refused_topics;
    Counter log_bytes;
    Counter allocated_bytes;
  } counters;

 private:
  TopicLink& link_to(Topic& topic, unsigned core);
  void mark(Topic& topic);
  void tell(TopicLink& link);
  void tidy(Topic& topic);
  void enforce_memory(Topic& growing);
  void erase(Topic& topic);
  std::int64_t now_ms() const;

  struct Watch {
    std::string pattern;
    unsigned core;
    unsigned count;
  };

  Reactor& reactor_;
  Fabric& fabric_;
  Hub* hub_ = nullptr;
  TopicObserver* observer_ = nullptr;
  TopicTableOptions options_;
  unsigned home_;
  std::uint64_t last_number_;
  RemovedTopics removed_;
  std::uint64_t allocated_ = 0;
  std::uint64_t live_bytes_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Topic>> topics_;
  std::vector<Topic*> by_age_;  // all topics, in no order, for maintain()
  std::size_t maintained_ = 0;
  List<Topic> quiet_first_;  // by last publish
  std::vector<Topic*> dirty_;
  std::vector<Watch> watches_;
};

}  // namespace ringcast
