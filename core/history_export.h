// Writes a home's history for a process that takes over (core/history_record.h), in pieces, so that
// the home's core goes on between two of them.
//
// Home core only. From its making to its end the table's intake is held, or the table is not
// published to in another way: then topics, events and segments stay where they are.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/history_record.h"
#include "core/topic_table.h"

namespace ringcast {

class HistoryExport {
 public:
  explicit HistoryExport(TopicTable& table);

  // Appends whole records until there are at least `enough_bytes`; false: those were the last.
  bool write(std::string& out, std::size_t enough_bytes);

  std::uint64_t topics() const { return topics_.size(); }
  std::uint64_t events() const { return events_; }

 private:
  void begin_topic(RecordWriter& to);
  bool write_event(RecordWriter& to);
  bool write_key(RecordWriter& to);

  TopicTable& table_;
  std::vector<std::pair<std::string, std::uint64_t>> removed_;
  std::vector<const Topic*> topics_;
  bool begun_ = false;
  std::size_t at_removed_ = 0;
  std::size_t at_topic_ = 0;          // in topics_
  const Segment* segment_ = nullptr;  // of the topic that was begun; null: none is
  std::uint32_t record_ = 0;
  std::size_t key_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace ringcast
