#include "core/topic.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ringcast {
namespace {

// Quiet topics start small and grow with what they hold, so that little is allocated ahead.
constexpr std::uint32_t kSmallestArea = 1024 - sizeof(Segment);
constexpr std::uint32_t kLargestArea = (256 << 10) - sizeof(Segment);

}  // namespace

Topic::Topic(std::string name, const TopicRules& rules, std::uint64_t evicted_number)
    : name_(std::move(name)),
      rules_(rules),
      on_lag_(rules.on_lag),
      evicted_number_(evicted_number) {
  last_number_ = evicted_number;
  first_number_ = evicted_number + 1;
  oldest_ = newest_ = freeable_ = Segment::create(kSmallestArea, 1);
  allocated_ = oldest_->allocated_bytes();
}

Topic::~Topic() {
  for (Segment* segment : held_) Segment::destroy(segment);
  while (freeable_ != nullptr) {
    Segment* next = freeable_->next();
    Segment::destroy(freeable_);
    freeable_ = next;
  }
}

std::uint64_t Topic::find_key(std::string_view key) const {
  return key.empty() ? 0 : keys_.find(key, first_number());
}

char* Topic::room_for(std::uint32_t bytes) {
  if (char* room = newest_->reserve(bytes)) return room;
  const std::uint64_t history_share = std::max<std::uint64_t>(rules_.bytes / 8, kSmallestArea);
  const std::uint64_t growth = std::max<std::uint64_t>(bytes_ / 2, kSmallestArea);
  std::uint64_t area = std::min({growth, history_share, std::uint64_t{kLargestArea}});
  area = std::max<std::uint64_t>(area, std::uint64_t{bytes} + sizeof(Record));
  area = (area + alignof(Record) - 1) / alignof(Record) * alignof(Record);
  RINGCAST_CHECK(area < std::numeric_limits<std::uint32_t>::max() / 2);
  Segment* fresh = Segment::create(static_cast<std::uint32_t>(area), newest_->serial() + 1);
  allocated_ += fresh->allocated_bytes();
  newest_->link(fresh);
  newest_ = fresh;
  return newest_->reserve(bytes);
}

void Topic::append(const NewEvent& event, std::uint64_t number, const EventIds& ids,
                   std::int64_t now_ms) {
  const auto most = static_cast<std::uint32_t>(event_bytes(event));
  char* const room = room_for(most);
  const auto bytes = static_cast<std::uint32_t>(write_event(room, event, number, ids) - room);
  RINGCAST_CHECK(bytes <= most && number > last_number_);
  commit(bytes, number, now_ms);
  if (!event.key.empty()) keys_.insert(event.key, number, first_number());
}

void Topic::append_written(std::string_view event, std::uint64_t number, std::int64_t time_ms) {
  RINGCAST_CHECK(number > last_number_);
  const auto bytes = static_cast<std::uint32_t>(event.size());
  event.copy(room_for(bytes), bytes);
  commit(bytes, number, time_ms);
}

void Topic::restore(std::uint64_t evicted_number, std::int64_t last_append_ms) {
  RINGCAST_CHECK(events_ == 0 && newest_->committed().records == 0);
  last_number_ = evicted_number;
  last_append_ms_ = last_append_ms;
  evicted_number_.store(evicted_number, std::memory_order_release);
  first_number_.store(evicted_number + 1, std::memory_order_release);
}

void Topic::commit(std::uint32_t bytes, std::uint64_t number, std::int64_t time_ms) {
  if (events_ == 0) {
    // What is left of an emptied history may lie in an earlier segment.
    oldest_ = newest_;
    first_record_ = newest_->committed().records;
    first_number_.store(number, std::memory_order_release);
  }
  newest_->commit(bytes, number, time_ms);
  last_number_ = number;
  last_append_ms_ = time_ms;
  ++events_;
  bytes_ += bytes;
}

void Topic::take_out_first() {
  const Committed readable = oldest_->committed();
  RINGCAST_CHECK(events_ > 0 && first_record_ < readable.records);
  const Record& gone = oldest_->record(first_record_);
  evicted_number_.store(gone.number, std::memory_order_release);
  bytes_ -= gone.end - oldest_->start_of(first_record_);
  --events_;
  ++first_record_;
  if (first_record_ == readable.records && oldest_ != newest_) {
    oldest_ = oldest_->next();
    first_record_ = 0;
  }
  const std::uint64_t first =
      events_ == 0 ? gone.number + 1 : oldest_->record(first_record_).number;
  first_number_.store(first, std::memory_order_release);
}

bool Topic::trim(std::int64_t now_ms) {
  bool any = false;
  const auto too_old = [&] {
    return rules_.age_ms > 0 && oldest_->time_ms(first_record_) < now_ms - rules_.age_ms;
  };
  while (events_ > 0 && (bytes_ > rules_.bytes || events_ > rules_.events || too_old())) {
    take_out_first();
    any = true;
  }
  return any;
}

bool Topic::drop_oldest_segment() {
  if (oldest_ == newest_) return false;
  for (const Segment* going = oldest_; oldest_ == going;) take_out_first();
  return true;
}

std::uint64_t Topic::free_released() {
  std::uint64_t keep = oldest_->serial();
  for (const auto& link : links) {
    link->oldest_serial.store(oldest_->serial(), std::memory_order_release);
    keep = std::min(keep, link->released_serial.load(std::memory_order_acquire));
  }
  std::uint64_t freed = 0;
  const auto destroy = [&freed](Segment* segment) {
    if (segment->held()) return false;
    freed += segment->allocated_bytes();
    Segment::destroy(segment);
    return true;
  };
  std::erase_if(held_, destroy);
  while (freeable_->serial() < keep) {
    Segment* const segment = std::exchange(freeable_, freeable_->next());
    if (!destroy(segment)) held_.push_back(segment);
  }
  allocated_ -= freed;
  return freed;
}

}  // namespace ringcast
