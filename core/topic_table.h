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
  std::uint64_t max_topics = 100'000;                   // with events, on all homes together
  std::uint64_t max_awaited_topics = 100'000;           // that have followers only, likewise
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

// Whether a home takes events: `held` while its history is copied for another process, `ended` once
// that process has taken over.
enum class Intake : std::uint8_t { open, held, ended };

class TopicTable final : public TurnHook {
 public:
  TopicTable(Reactor& reactor, Fabric& fabric, TopicTableOptions options);
  ~TopicTable();

  void connect(Hub& hub) { hub_ = &hub; }
  void set_observer(TopicObserver* observer) { observer_ = observer; }  // before any topic is there
  void set_options(const TopicTableOptions& options);

  Topic* find(std::string_view name);
  // `awaited`: for somebody who follows it. Such topics are counted apart, so that those who only
  // listen take no publisher's place.
  Result<Topic*> find_or_create(std::string_view name, bool awaited = false);
  // The topic, for an event that is published to it. Errors: topic_limit, handed_over.
  Result<Topic*> find_to_publish(std::string_view name) {
    if (intake_ == Intake::ended) return refuse_ended();
    Topic* const topic = find(name);
    if (topic == nullptr) return find_or_create(name);
    if (topic->awaited && !move(*topic, false)) return refuse_topic(false);
    return topic;
  }
  // Stores the event unless its key is in the history already; returns its number either way.
  std::uint64_t publish(Topic& topic, const NewEvent& event);
  std::uint64_t last_number() const { return last_number_; }

  Result<TopicLink*> attach(std::string_view name, unsigned core);
  void detach(TopicLink& link);
  void released(TopicLink& link);
  struct Watched {
    std::vector<TopicLink*> links;
    std::uint64_t removed_number = 0;  // the last in matching topics that are gone; 0: none
    bool too_many = false;             // more than `most` match; there are no links to them then
  };
  // Links `core` to all topics that match now, and from now on, until unwatch(), to those that are
  // created.
  Watched watch(std::string_view pattern, unsigned core, std::size_t most);
  void unwatch(std::string_view pattern, unsigned core);

  // Up to `most` of the first `before` topics, the last first; `before` is then how many are left.
  // Called turn after turn until it is 0, that passes every topic that is there all the while, and
  // may pass one twice.
  void describe(std::size_t& before, std::size_t most, std::vector<TopicInfo>& out) const;

  // A publisher between its two steps keeps its topic.
  void hold(Topic& topic) {
    ++topic.holds;
    ++holds_;
  }
  void let_go(Topic& topic) {
    --topic.holds;
    --holds_;
  }

  // --- handing over (core/history_export.h, core/history_import.h) ---

  // Unless it is open, nothing leaves the histories either.
  void set_intake(Intake intake);
  bool held() const { return intake_ == Intake::held; }
  // Of a held intake: no publisher is between its two steps.
  bool settled() const { return holds_ == 0; }
  // A call that publishes to a held home: it arrives again when that is held no more.
  void hold_back(Message& call) { held_back_.push_back(&call); }
  // By last publish, the longest ago first.
  std::vector<const Topic*> topics_by_age();
  const RemovedTopics& removed() const { return removed_; }
  const EventIds& ids() const { return fabric_.ids; }
  unsigned home() const { return home_; }

  // Before the core runs: what another process had. Error: topic_limit.
  Result<Topic*> restore(std::string_view name, std::uint64_t evicted_number,
                         std::int64_t last_append_ms);
  void restore_event(Topic& topic, std::string_view event, std::uint64_t number,
                     std::int64_t time_ms);
  void restore_removed(std::string_view name, std::uint64_t last_number) {
    removed_.add(name, last_number);
  }
  void restore_forgotten(std::uint64_t last_number) { removed_.forget_up_to(last_number); }
  void restore_last_number(std::uint64_t number);

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
  // Places among the topics of one kind.
  std::atomic<std::uint64_t>& places(bool awaited) {
    return awaited ? fabric_.awaited_topics : fabric_.topics;
  }
  bool take_place(bool awaited);
  bool move(Topic& topic, bool awaited);  // to the other kind; false: there is no room
  std::unexpected<Error> refuse_topic(bool awaited);
  TopicLink& link_to(Topic& topic, unsigned core);
  void mark(Topic& topic);
  void tell(TopicLink& link);
  void tidy(Topic& topic);
  void enforce_memory(Topic& growing);
  void erase(Topic& topic);
  std::int64_t now_ms() const;
  static std::unexpected<Error> refuse_ended();
  // What the topic had allocated and kept before it grew.
  struct Size {
    std::uint64_t allocated;
    std::uint64_t bytes;
  };
  static Size size_of(const Topic& topic) { return {topic.allocated_bytes(), topic.bytes()}; }
  void grew(Topic& topic, const Size& before, std::int64_t now);

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
  Intake intake_ = Intake::open;
  unsigned holds_ = 0;
  std::vector<Message*> held_back_;
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
