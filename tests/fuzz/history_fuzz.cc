// Histories of another process, as bytes that anybody may have written: what is taken for one goes
// out again and comes in again as the same, event for event.
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/history_import.h"
#include "core/history_record.h"
#include "core/topic.h"

namespace ringcast {
namespace {

constexpr TopicRules kRules{.bytes = 1 << 16, .events = 100, .age_ms = 0};

// Keeps topics as a table does, and writes down again what came.
class Model final : public HistorySink {
 public:
  explicit Model(const EventIds& ids) : ids_(ids), to_(records) {}

  void begin_home(unsigned home) override { home_ = home; }
  void forgotten(std::uint64_t last_number) override {
    RINGCAST_CHECK(ids_.home_of(last_number) == home_);
    forgotten_ += RecordText().put(HistoryRecord::forgotten).put(last_number).text;
  }
  void removed(std::string_view name, std::uint64_t last_number) override {
    RecordText record;
    RecordWriter(record.text)
        .put(HistoryRecord::removed)
        .put_text<std::uint16_t>(name)
        .put(last_number);
    forgotten_ += record.text;
  }
  Result<void> begin_topic(std::string_view name, std::uint64_t evicted_number,
                           std::int64_t last_append_ms) override {
    auto& made = topics_[std::string(name)];
    if (made) return fail("bad_history", "A topic comes twice.");
    made = std::make_unique<Topic>(std::string(name), kRules, ids_.homes());
    made->restore(evicted_number, last_append_ms);
    topic_ = made.get();
    ++topics_here_;
    return {};
  }
  void event(std::string_view event, std::uint64_t number, std::int64_t time_ms) override {
    const EventParts parts = parse_event(event);
    RINGCAST_CHECK(parts.id == ids_.text(number));
    std::string_view data = parts.data;
    std::string_view line;
    std::size_t lines = 0;
    while (next_data_line(data, line)) ++lines;
    RINGCAST_CHECK(lines > 0);
    RINGCAST_CHECK(written_type(event) == parts.type);
    topic_->append_written(event, number, time_ms);
    topic_->trim(time_ms);
    RINGCAST_CHECK(topic_->last_number() == number && topic_->events() <= kRules.events);
    ++events;
  }
  void key(const PublisherIds::Hash& hash, std::uint64_t number) override {
    topic_->keys().insert(hash, number, topic_->first_number());
  }
  void end_home(std::uint64_t last_number) override {
    to_.put(HistoryRecord::home).put(home_).put(last_number);
    records += forgotten_;
    forgotten_.clear();
    std::uint64_t kept = 0;
    for (const auto& [name, topic] : topics_) kept += write(*topic);
    to_.put(HistoryRecord::end).put(std::uint64_t{topics_.size()}).put(kept);
    RINGCAST_CHECK(topics_here_ == topics_.size());
    topics_.clear();
    topics_here_ = 0;
    kept_ += kept;
  }

  std::uint64_t kept() const { return kept_; }
  std::string records;
  std::uint64_t events = 0;

 private:
  struct RecordText {
    std::string text;
    template <class Value>
    RecordText& put(Value value) {
      RecordWriter(text).put(value);
      return *this;
    }
  };

  // As HistoryExport does it.
  std::uint64_t write(const Topic& topic) {
    to_.put(HistoryRecord::topic)
        .put_text<std::uint16_t>(topic.name())
        .put(topic.evicted_number())
        .put(topic.last_number())
        .put(topic.last_append_ms());
    std::uint64_t kept = 0;
    std::uint32_t record = topic.first_record();
    for (const Segment* at = topic.oldest(); at != nullptr; at = at->next(), record = 0) {
      for (; record < at->committed().records; ++record, ++kept) {
        to_.put(HistoryRecord::event)
            .put(at->record(record).number)
            .put(at->time_ms(record))
            .put_text<std::uint32_t>(at->event(record));
      }
    }
    RINGCAST_CHECK(kept == topic.events());
    PublisherIds::Hash hash{};
    std::uint64_t number = 0;
    std::uint64_t keys = 0;
    for (std::size_t n = 0; topic.keys().next(n, topic.first_number(), hash, number);) {
      if (++keys > kept) break;
      to_.put(HistoryRecord::key).put(hash[0]).put(hash[1]).put(number);
    }
    return kept;
  }

  const EventIds& ids_;
  RecordWriter to_;
  std::string forgotten_;
  std::map<std::string, std::unique_ptr<Topic>> topics_;
  Topic* topic_ = nullptr;
  unsigned home_ = 0;
  std::uint64_t topics_here_ = 0;
  std::uint64_t kept_ = 0;
};

void check(const EventIds& ids, std::string_view records) {
  Model first(ids);
  HistoryReader reader(ids, first);
  const auto read = reader.read(records);
  RINGCAST_CHECK(reader.events() <= first.events);
  if (!read || !reader.complete()) return;
  RINGCAST_CHECK(reader.events() == first.events);
  Model second(ids);
  HistoryReader again(ids, second);
  RINGCAST_CHECK(again.read(first.records).has_value() && again.complete());
  RINGCAST_CHECK(again.events() == first.kept());
  RINGCAST_CHECK(second.records.size() == first.records.size());
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  const std::string_view records(reinterpret_cast<const char*>(data), size);
  for (const unsigned homes : {1U, 2U}) check(EventIds("e", homes), records);
  return 0;
}
