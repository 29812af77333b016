// What all subscribers together have seen. The hot path of the client writes here and nowhere else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

#include "tools/ringload/histogram.h"
#include "tools/ringload/sequence_checker.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

struct Arrivals {
  Arrivals(std::uint16_t run, std::size_t size) : codec(run), payload_bytes(size) {}

  StampCodec codec;
  std::size_t payload_bytes;

  std::int64_t origin_ns = 0;  // the start of the run on the loop's clock
  // In ns since the start of the run. Events intended within [from, until) are measured.
  std::int64_t now_ns = 0;
  std::int64_t measure_from_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t measure_until_ns = std::numeric_limits<std::int64_t>::max();

  // At the front of each receive, whose collection is the arrival of what it brought.
  void count_receive(std::size_t size, std::int64_t clock_ns) {
    ++receives;
    bytes += size;
    now_ns = clock_ns - origin_ns;
  }
  // The latency of what arrives now.
  void record(std::int64_t intended_ns) {
    if (intended_ns >= measure_from_ns && intended_ns < measure_until_ns) {
      latency.record(now_ns - intended_ns);
    }
  }

  SequenceTotals totals;
  Histogram latency;  // of the interval under way (Timeline)
  std::uint64_t receives = 0;
  std::uint64_t bytes = 0;
  std::uint64_t gaps = 0;     // `gap` events
  std::uint64_t foreign = 0;  // events that are not of this run
};

}  // namespace ringcast::load
