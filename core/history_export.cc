#include "core/history_export.h"

namespace ringcast {

HistoryExport::HistoryExport(TopicTable& table)
    : table_(table), removed_(table.removed().all()), topics_(table.topics_by_age()) {}

bool HistoryExport::write(std::string& out, std::size_t enough_bytes) {
  RecordWriter to(out);
  if (!begun_) {
    begun_ = true;
    to.put(HistoryRecord::home).put(table_.home()).put(table_.last_number());
    to.put(HistoryRecord::forgotten).put(table_.removed().forgotten());
  }
  while (out.size() < enough_bytes) {
    if (at_removed_ < removed_.size()) {
      const auto& [name, last_number] = removed_[at_removed_++];
      to.put(HistoryRecord::removed).put_text<std::uint16_t>(name).put(last_number);
    } else if (at_topic_ == topics_.size()) {
      to.put(HistoryRecord::end).put(std::uint64_t{topics_.size()}).put(events_);
      return false;
    } else if (segment_ == nullptr) {
      begin_topic(to);
    } else if (!write_event(to) && !write_key(to)) {
      segment_ = nullptr;
      ++at_topic_;
    }
  }
  return true;
}

void HistoryExport::begin_topic(RecordWriter& to) {
  const Topic& topic = *topics_[at_topic_];
  to.put(HistoryRecord::topic)
      .put_text<std::uint16_t>(topic.name())
      .put(topic.evicted_number())
      .put(topic.last_number())
      .put(topic.awaited ? std::int64_t{0} : topic.last_append_ms());
  segment_ = topic.oldest();
  record_ = topic.first_record();
  key_ = 0;
}

bool HistoryExport::write_event(RecordWriter& to) {
  while (record_ == segment_->committed().records) {
    if (segment_->next() == nullptr) return false;
    segment_ = segment_->next();
    record_ = 0;
  }
  to.put(HistoryRecord::event)
      .put(segment_->record(record_).number)
      .put(segment_->time_ms(record_))
      .put_text<std::uint32_t>(segment_->event(record_));
  ++record_;
  ++events_;
  return true;
}

bool HistoryExport::write_key(RecordWriter& to) {
  const Topic& topic = *topics_[at_topic_];
  PublisherIds::Hash hash{};
  std::uint64_t number = 0;
  if (!topic.keys().next(key_, topic.first_number(), hash, number)) return false;
  to.put(HistoryRecord::key).put(hash[0]).put(hash[1]).put(number);
  return true;
}

}  // namespace ringcast
