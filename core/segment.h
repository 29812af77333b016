// A segment: a stretch of a topic's log in wire form, which is also every subscriber's send buffer.
//
// Layout of one allocation: this header, then an area that fills from both ends: event bytes from
// the front, one Record an event from the back. Full when they meet.
//
//   | header | event event event … →        ← … record record record |
//
// Who owns what: the topic's home core creates, writes and frees a segment; written bytes never
// move or change. Other cores read what `committed` (release/acquire) covers, and follow `next`,
// which is set after the last commit. A segment is freed only after every core that has the topic
// has said that it is past it (core/topic_link.h), and none holds its bytes for a send in flight.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/check.h"

namespace ringcast {

struct Record {
  std::uint64_t number;   // the event's number, growing
  std::uint32_t end;      // where its bytes end; they start where those of the one before end
  std::uint32_t time_ms;  // since the segment's base_time_ms
};
static_assert(sizeof(Record) == 16);

// How far a segment is readable: one word, so that both parts belong together.
struct Committed {
  std::uint32_t records = 0;
  std::uint32_t bytes = 0;
};

class Segment {
 public:
  static Segment* create(std::uint32_t area_bytes, std::uint64_t serial);
  static void destroy(Segment* segment);

  // Readers.
  Committed committed() const { return committed_.load(std::memory_order_acquire); }
  Segment* next() const { return next_.load(std::memory_order_acquire); }
  std::uint64_t serial() const { return serial_; }
  const char* bytes() const { return area(); }
  const Record& record(std::uint32_t index) const { return back()[-1 - std::int64_t{index}]; }
  std::uint32_t start_of(std::uint32_t index) const {
    return index == 0 ? 0 : record(index - 1).end;
  }
  std::string_view event(std::uint32_t index) const {
    const std::uint32_t start = start_of(index);
    return {area() + start, record(index).end - start};
  }
  // The first of the committed records whose number is greater; `committed.records` if none is.
  std::uint32_t first_after(std::uint64_t number, std::uint32_t records) const;
  // As much of `committed` as ends at or before `most_end`, but at least one record after `from`.
  Committed up_to(std::uint32_t most_end, std::uint32_t from, const Committed& committed) const;

  // A core that goes past the segment while it still sends from it holds the bytes, before it says
  // that it is past it. One hold a core: the slow reader keeps this segment, not all after it.
  void hold() { holders_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() { holders_.fetch_sub(1, std::memory_order_release); }

  // The home core, of a segment that all are past: whether its bytes are still being sent.
  bool held() const { return holders_.load(std::memory_order_acquire) != 0; }
  // The home core: when an event was appended, in milliseconds since 1970.
  std::int64_t time_ms(std::uint32_t index) const { return base_time_ms_ + record(index).time_ms; }
  // The home core: space for an event of at most `bytes`; null if it does not fit.
  char* reserve(std::uint32_t bytes);
  void commit(std::uint32_t bytes, std::uint64_t number, std::int64_t now_ms);
  void link(Segment* next) { next_.store(next, std::memory_order_release); }
  std::uint32_t allocated_bytes() const { return area_bytes_ + sizeof(Segment); }

 private:
  Segment(std::uint32_t area_bytes, std::uint64_t serial)
      : serial_(serial), area_bytes_(area_bytes) {}
  char* area() { return reinterpret_cast<char*>(this + 1); }
  const char* area() const { return reinterpret_cast<const char*>(this + 1); }
  Record* back() { return reinterpret_cast<Record*>(area() + area_bytes_); }
  const Record* back() const { return reinterpret_cast<const Record*>(area() + area_bytes_); }

  std::atomic<Committed> committed_{Committed{}};
  std::atomic<Segment*> next_{nullptr};
  std::uint64_t serial_;           // of the topic's segments: 1, 2, 3 …
  std::int64_t base_time_ms_ = 0;  // of the first record; the home core's
  std::uint32_t area_bytes_;
  std::atomic<std::uint32_t> holders_{0};
};

// A place between two events of a topic's log.
struct Cursor {
  Segment* segment = nullptr;  // valid only while the topic's view still has `serial`
  std::uint64_t serial = 0;
  std::uint32_t record = 0;
  std::uint32_t offset = 0;
  std::uint64_t number = 0;  // every event up to this one is behind the cursor
};

}  // namespace ringcast
