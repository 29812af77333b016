#include "core/segment.h"

#include <algorithm>
#include <limits>
#include <new>

namespace ringcast {

Segment* Segment::create(std::uint32_t area_bytes, std::uint64_t serial) {
  static_assert(sizeof(Segment) % alignof(Record) == 0);
  RINGCAST_CHECK(area_bytes % alignof(Record) == 0);
  void* memory = ::operator new(sizeof(Segment) + area_bytes);
  return new (memory) Segment(area_bytes, serial);
}

void Segment::destroy(Segment* segment) {
  segment->~Segment();
  ::operator delete(segment);
}

std::uint32_t Segment::first_after(std::uint64_t number, std::uint32_t records) const {
  std::uint32_t low = 0;
  std::uint32_t high = records;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (record(middle).number > number) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

Committed Segment::up_to(std::uint32_t most_end, std::uint32_t from,
                         const Committed& committed) const {
  std::uint32_t low = from + 1;
  std::uint32_t high = committed.records;
  while (low < high) {
    const std::uint32_t middle = low + (high - low + 1) / 2;
    if (record(middle - 1).end <= most_end) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return {low, record(low - 1).end};
}

char* Segment::reserve(std::uint32_t bytes) {
  const Committed at = committed_.load(std::memory_order_relaxed);
  const std::uint64_t needed =
      std::uint64_t{at.bytes} + bytes + (std::uint64_t{at.records} + 1) * sizeof(Record);
  return needed <= area_bytes_ ? area() + at.bytes : nullptr;
}

void Segment::commit(std::uint32_t bytes, std::uint64_t number, std::int64_t now_ms) {
  Committed at = committed_.load(std::memory_order_relaxed);
  if (at.records == 0) base_time_ms_ = now_ms;
  const std::int64_t age = std::clamp<std::int64_t>(now_ms - base_time_ms_, 0,
                                                    std::numeric_limits<std::uint32_t>::max());
  at.bytes += bytes;
  new (back() - 1 - at.records) Record{number, at.bytes, static_cast<std::uint32_t>(age)};
  ++at.records;
  committed_.store(at, std::memory_order_release);
}

}  // namespace ringcast
