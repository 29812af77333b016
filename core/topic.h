// A topic on its home core: its log, its history's bounds, its publishers' ids.
//
// append() encodes an event once, in the form in which every subscriber gets it; nothing is copied
// after that. The history is bounded by bytes, count and age: what is over is out of the history at
// once (`first_number`), and its memory follows segment by segment as soon as no core reads it.
//
// Which core touches it: the home core only, except the atomics, which any core may read.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/event_id.h"
#include "core/event_stream.h"
#include "core/list.h"
#include "core/publisher_ids.h"
#include "core/segment.h"
#include "core/topic_link.h"

namespace ringcast {

enum class LagPolicy : std::uint8_t { gap, close };

struct TopicRules {
  std::uint64_t bytes = 1 << 20;
  std::uint64_t events = 10'000;
  std::int64_t age_ms = 3'600'000;  // 0: without limit
  LagPolicy on_lag = LagPolicy::gap;
};

class Topic : public ListHook {
 public:
  Topic(std::string name, const TopicRules& rules, std::uint64_t evicted_number);
  ~Topic();

  const std::string& name() const { return name_; }
  const TopicRules& rules() const { return rules_; }
  void set_rules(const TopicRules& rules) {
    rules_ = rules;
    on_lag_.store(rules.on_lag, std::memory_order_relaxed);
  }
  LagPolicy on_lag() const { return on_lag_.load(std::memory_order_relaxed); }  // any core

  // The number of the event already in the history under this key; 0 if there is none.
  std::uint64_t find_key(std::string_view key) const;
  void append(const NewEvent& event, std::uint64_t number, const EventIds& ids,
              std::int64_t now_ms);

  // An event as it lies in another process's log of this topic.
  void append_written(std::string_view event, std::uint64_t number, std::int64_t time_ms);
  // Of a topic without events: where another process's begins.
  void restore(std::uint64_t evicted_number, std::int64_t last_append_ms);
  PublisherIds& keys() { return keys_; }
  const PublisherIds& keys() const { return keys_; }

  // Takes events out of the history that are over its bounds; true if any went.
  bool trim(std::int64_t now_ms);
  // Takes the oldest segment out, whatever the bounds say; false if there is only one.
  bool drop_oldest_segment();
  // Frees the memory of what is out of the history and read or sent by no core; returns the bytes.
  std::uint64_t free_released();

  std::uint64_t events() const { return events_; }
  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t allocated_bytes() const { return allocated_; }
  std::uint64_t last_number() const { return last_number_; }
  // Any core. The first number still in the history; last number + 1 if it is empty.
  std::uint64_t first_number() const { return first_number_.load(std::memory_order_acquire); }
  // Any core. Everything up to this number has left the history.
  std::uint64_t evicted_number() const { return evicted_number_.load(std::memory_order_acquire); }
  std::int64_t last_append_ms() const { return last_append_ms_; }

  Segment* oldest() const { return oldest_; }
  std::uint32_t first_record() const { return first_record_; }  // of the history, in oldest()
  std::uint64_t oldest_serial() const { return oldest_->serial(); }

  std::vector<std::unique_ptr<TopicLink>> links;
  unsigned holds = 0;     // publishers between their two steps; keeps the topic alive
  bool awaited = false;   // nobody has published to it: it is there because somebody follows it
  bool observed = false;  // the table's observer sees its events
  bool dirty = false;     // stands in the table's list of topics whose readers must be told

 private:
  char* room_for(std::uint32_t bytes);
  void commit(std::uint32_t bytes, std::uint64_t number, std::int64_t time_ms);
  void take_out_first();

  std::string name_;
  TopicRules rules_;
  std::atomic<LagPolicy> on_lag_;
  std::uint64_t events_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t allocated_ = 0;
  std::uint64_t last_number_ = 0;
  std::int64_t last_append_ms_ = 0;
  Segment* freeable_;           // the first segment that some core may not be past
  std::vector<Segment*> held_;  // before it, but still being sent from
  Segment* oldest_;             // the first in the history
  Segment* newest_;
  std::uint32_t first_record_ = 0;  // in `oldest_`: the first event in the history
  std::atomic<std::uint64_t> first_number_{0};
  std::atomic<std::uint64_t> evicted_number_;
  PublisherIds keys_;
};

}  // namespace ringcast
