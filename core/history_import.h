// Reads a history that another process wrote (core/history_record.h), checks all of it, and puts it
// into the tables of this process.
//
// Before the cores run: one thread touches all tables then. What is wrong is an error, and the
// tables are good for nothing any more: the process ends without having served.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/event_id.h"
#include "core/publisher_ids.h"
#include "core/result.h"

namespace ringcast {

class Topic;
class TopicTable;

// Where what was read goes. Everything is as a table may have it, but for what only the receiver
// knows: that a topic is new, and that there is room for it.
class HistorySink {
 public:
  virtual void begin_home(unsigned home) = 0;
  virtual void forgotten(std::uint64_t last_number) = 0;
  virtual void removed(std::string_view name, std::uint64_t last_number) = 0;
  virtual Result<void> begin_topic(std::string_view name, std::uint64_t evicted_number,
                                   std::int64_t last_append_ms) = 0;
  virtual void event(std::string_view event, std::uint64_t number, std::int64_t time_ms) = 0;
  virtual void key(const PublisherIds::Hash& hash, std::uint64_t number) = 0;
  virtual void end_home(std::uint64_t last_number) = 0;

 protected:
  ~HistorySink() = default;
};

class RecordReader;

class HistoryReader {
 public:
  HistoryReader(const EventIds& ids, HistorySink& sink) : ids_(ids), sink_(sink) {}

  // Whole records. Errors: bad_history, and those of the sink.
  Result<void> read(std::string_view records);
  // All homes came, and ended.
  bool complete() const { return home_ == ids_.homes() && !in_home_; }
  std::uint64_t topics() const { return all_topics_; }
  std::uint64_t events() const { return all_events_; }

 private:
  Result<void> read_one(RecordReader& from);
  Result<void> read_home(RecordReader& from);
  Result<void> read_removed(RecordReader& from);
  Result<void> read_topic(RecordReader& from);
  Result<void> read_event(RecordReader& from);
  Result<void> read_key(RecordReader& from);
  Result<void> read_end(RecordReader& from);
  // What is said of the topic at hand was true.
  bool topic_ended_well() const;
  // A number that an event, or the place before the first one, has at this home.
  bool is_number(std::uint64_t number) const;

  const EventIds& ids_;
  HistorySink& sink_;
  unsigned home_ = 0;  // the one at hand, or the next
  bool in_home_ = false;
  bool in_topic_ = false;
  std::uint64_t home_last_ = 0;
  std::uint64_t topic_evicted_ = 0;
  std::uint64_t topic_last_ = 0;  // as was said
  std::uint64_t last_ = 0;        // as it came
  std::uint64_t topic_events_ = 0;
  std::uint64_t topic_keys_ = 0;
  std::uint64_t topics_ = 0;  // of this home
  std::uint64_t events_ = 0;
  std::uint64_t all_topics_ = 0;
  std::uint64_t all_events_ = 0;
};

// Into tables: one for each home, in their order.
class HistoryImport final : public HistorySink {
 public:
  explicit HistoryImport(std::span<TopicTable* const> tables) : tables_(tables) {}

  void begin_home(unsigned home) override { table_ = tables_[home]; }
  void forgotten(std::uint64_t last_number) override;
  void removed(std::string_view name, std::uint64_t last_number) override;
  Result<void> begin_topic(std::string_view name, std::uint64_t evicted_number,
                           std::int64_t last_append_ms) override;
  void event(std::string_view event, std::uint64_t number, std::int64_t time_ms) override;
  void key(const PublisherIds::Hash& hash, std::uint64_t number) override;
  void end_home(std::uint64_t last_number) override;

 private:
  std::span<TopicTable* const> tables_;
  TopicTable* table_ = nullptr;
  Topic* topic_ = nullptr;
};

}  // namespace ringcast
