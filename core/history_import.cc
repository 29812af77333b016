#include "core/history_import.h"

#include <fmt/format.h>

#include "core/event_stream.h"
#include "core/history_record.h"
#include "core/topic_name.h"
#include "core/topic_table.h"

namespace ringcast {
namespace {

// Far behind every real one, and sums of two do not overflow.
constexpr std::int64_t kMostTimeMs = std::int64_t{1} << 53;

std::unexpected<Error> bad(std::string_view what) {
  return fail("bad_history", fmt::format("The history that came is not one: {}.", what));
}

}  // namespace

Result<void> HistoryReader::read(std::string_view records) {
  RecordReader from(records);
  while (!from.at_end()) {
    if (auto done = read_one(from); !done) return done;
    if (from.failed()) return bad("a record is cut short");
  }
  return {};
}

Result<void> HistoryReader::read_one(RecordReader& from) {
  const auto record = static_cast<HistoryRecord>(from.take<char>());
  if (in_home_ == (record == HistoryRecord::home)) return bad("records in no order");
  switch (record) {
    case HistoryRecord::home:
      return read_home(from);
    case HistoryRecord::forgotten: {
      const auto last = from.take<std::uint64_t>();
      if (!is_number(last) || topics_ > 0) return bad("a wrong number of forgotten topics");
      sink_.forgotten(last);
      return {};
    }
    case HistoryRecord::removed:
      return read_removed(from);
    case HistoryRecord::topic:
      return read_topic(from);
    case HistoryRecord::event:
      return read_event(from);
    case HistoryRecord::key:
      return read_key(from);
    case HistoryRecord::end:
      return read_end(from);
  }
  return bad("an unknown record");
}

bool HistoryReader::is_number(std::uint64_t number) const {
  return number >= ids_.homes() && number <= home_last_ && ids_.home_of(number) == home_;
}

Result<void> HistoryReader::read_home(RecordReader& from) {
  const auto home = from.take<unsigned>();
  home_last_ = from.take<std::uint64_t>();
  if (home != home_ || home >= ids_.homes()) return bad("homes in no order");
  if (!is_number(home_last_) || home_last_ > std::uint64_t{1} << 62) return bad("a home's number");
  in_home_ = true;
  in_topic_ = false;
  topics_ = events_ = 0;
  sink_.begin_home(home);
  return {};
}

Result<void> HistoryReader::read_removed(RecordReader& from) {
  const std::string_view name = from.take_text<std::uint16_t>();
  const auto last = from.take<std::uint64_t>();
  if (topics_ > 0 || !is_topic_name(name) || !is_number(last)) return bad("a removed topic");
  sink_.removed(name, last);
  return {};
}

bool HistoryReader::topic_ended_well() const { return !in_topic_ || last_ == topic_last_; }

Result<void> HistoryReader::read_topic(RecordReader& from) {
  if (!topic_ended_well()) return bad("events are missing");
  const std::string_view name = from.take_text<std::uint16_t>();
  topic_evicted_ = last_ = from.take<std::uint64_t>();
  topic_last_ = from.take<std::uint64_t>();
  const auto last_append_ms = from.take<std::int64_t>();
  const bool here = is_topic_name(name) && topic_home(topic_hash(name), ids_.homes()) == home_;
  if (!here) return bad("a topic's name");
  if (!is_number(topic_evicted_) || !is_number(topic_last_) || topic_evicted_ > topic_last_) {
    return bad("a topic's numbers");
  }
  if (last_append_ms < 0 || last_append_ms > kMostTimeMs) return bad("a topic's time");
  in_topic_ = true;
  topic_events_ = topic_keys_ = 0;
  ++topics_;
  return sink_.begin_topic(name, topic_evicted_, last_append_ms);
}

Result<void> HistoryReader::read_event(RecordReader& from) {
  const auto number = from.take<std::uint64_t>();
  const auto time_ms = from.take<std::int64_t>();
  const std::string_view event = from.take_text<std::uint32_t>();
  if (!in_topic_ || topic_keys_ > 0) return bad("an event of no topic");
  if (!is_number(number) || number <= last_ || number > topic_last_)
    return bad("an event's number");
  if (time_ms < 0 || time_ms > kMostTimeMs) return bad("an event's time");
  if (event.size() > kMostWrittenBytes || !is_written_event(event, number, ids_)) {
    return bad("an event's text");
  }
  last_ = number;
  ++topic_events_;
  ++events_;
  sink_.event(event, number, time_ms);
  return {};
}

Result<void> HistoryReader::read_key(RecordReader& from) {
  PublisherIds::Hash hash{};
  for (auto& half : hash) half = from.take<std::uint64_t>();
  const auto number = from.take<std::uint64_t>();
  if (!in_topic_ || !is_number(number) || number <= topic_evicted_ || number > topic_last_) {
    return bad("a publisher's id");
  }
  if (++topic_keys_ > topic_events_) return bad("more ids of publishers than events");
  sink_.key(hash, number);
  return {};
}

Result<void> HistoryReader::read_end(RecordReader& from) {
  const auto topics = from.take<std::uint64_t>();
  const auto events = from.take<std::uint64_t>();
  if (!topic_ended_well() || topics != topics_ || events != events_) {
    return bad("topics or events are missing");
  }
  sink_.end_home(home_last_);
  all_topics_ += topics_;
  all_events_ += events_;
  in_home_ = in_topic_ = false;
  ++home_;
  return {};
}

void HistoryImport::forgotten(std::uint64_t last_number) { table_->restore_forgotten(last_number); }

void HistoryImport::removed(std::string_view name, std::uint64_t last_number) {
  table_->restore_removed(name, last_number);
}

Result<void> HistoryImport::begin_topic(std::string_view name, std::uint64_t evicted_number,
                                        std::int64_t last_append_ms) {
  if (table_->find(name) != nullptr) return bad("a topic comes twice");
  auto topic = table_->restore(name, evicted_number, last_append_ms);
  if (!topic) return std::unexpected(std::move(topic.error()));
  topic_ = *topic;
  return {};
}

void HistoryImport::event(std::string_view event, std::uint64_t number, std::int64_t time_ms) {
  table_->restore_event(*topic_, event, number, time_ms);
}

void HistoryImport::key(const PublisherIds::Hash& hash, std::uint64_t number) {
  topic_->keys().insert(hash, number, topic_->first_number());
}

void HistoryImport::end_home(std::uint64_t last_number) {
  table_->restore_last_number(last_number);
}

}  // namespace ringcast
