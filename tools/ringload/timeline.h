// The time measured in intervals: what arrived in each, and how late it was.
//
// Intervals begin at whole multiples of their length on the machine's monotonic clock, so that what
// several programs did at the same time can be laid side by side; the first and the last are
// shorter. What arrives in an interval counts there, whenever it was intended.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/ringload/histogram.h"

namespace ringcast::load {

struct LatencySummary {
  double p50_us = 0;
  double p90_us = 0;
  double p95_us = 0;
  double p99_us = 0;
  double p999_us = 0;
  double max_us = 0;
  double mean_us = 0;
  std::uint64_t count = 0;
};

LatencySummary summarise(const Histogram& histogram);

struct Interval {
  double at_s = 0;  // when it began, on the monotonic clock
  double seconds = 0;
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  LatencySummary latency;
  LatencySummary publish_latency;
  std::uint64_t server_anon_bytes = 0;  // at its end; 0: unknown
};

class Timeline {
 public:
  // Running totals; the histograms are of the interval only, and are cleared when it ends.
  struct Seen {
    std::uint64_t published;
    std::uint64_t delivered;
    Histogram& latency;
    Histogram& publish_latency;
    std::uint64_t server_anon_bytes = 0;  // 0: unknown
  };

  explicit Timeline(double interval_s)
      : interval_ns_(static_cast<std::int64_t>(interval_s * 1e9)) {}

  // Forgets what was seen before.
  void begin(std::int64_t clock_ns, Seen seen);
  bool due(std::int64_t clock_ns) const { return running_ && clock_ns >= end_ns_; }
  void cut(std::int64_t clock_ns, Seen seen);
  void end(std::int64_t clock_ns, Seen seen);
  // What came after the end: of no interval, but of the whole.
  void add_late(Histogram& latency);

  // Of the interval under way; of the one before while that is too young to tell anything.
  LatencySummary latest(std::int64_t clock_ns, const Seen& seen) const;

  const std::vector<Interval>& intervals() const { return intervals_; }
  // Of all intervals.
  const Histogram& latency() const { return latency_; }
  const Histogram& publish_latency() const { return publish_latency_; }

 private:
  std::int64_t interval_ns_;
  std::int64_t begin_ns_ = 0;
  std::int64_t end_ns_ = 0;
  bool running_ = false;
  std::uint64_t published_ = 0;
  std::uint64_t delivered_ = 0;
  std::vector<Interval> intervals_;
  Histogram latency_;
  Histogram publish_latency_;
};

}  // namespace ringcast::load
