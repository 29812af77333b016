#include "tools/ringload/timeline.h"

namespace ringcast::load {

LatencySummary summarise(const Histogram& histogram) {
  const auto us = [&](double share) {
    return static_cast<double>(histogram.percentile_ns(share)) / 1000;
  };
  return {.p50_us = us(0.5),
          .p90_us = us(0.9),
          .p95_us = us(0.95),
          .p99_us = us(0.99),
          .p999_us = us(0.999),
          .max_us = static_cast<double>(histogram.max_ns()) / 1000,
          .mean_us = histogram.mean_ns() / 1000,
          .count = histogram.count()};
}

void Timeline::begin(std::int64_t clock_ns, Seen seen) {
  seen.latency.clear();
  seen.publish_latency.clear();
  published_ = seen.published;
  delivered_ = seen.delivered;
  begin_ns_ = clock_ns;
  end_ns_ = (clock_ns / interval_ns_ + 1) * interval_ns_;
  running_ = true;
}

void Timeline::cut(std::int64_t clock_ns, Seen seen) {
  if (clock_ns > begin_ns_) {
    intervals_.push_back({.at_s = static_cast<double>(begin_ns_) / 1e9,
                          .seconds = static_cast<double>(clock_ns - begin_ns_) / 1e9,
                          .published = seen.published - published_,
                          .delivered = seen.delivered - delivered_,
                          .latency = summarise(seen.latency),
                          .publish_latency = summarise(seen.publish_latency),
                          .server_anon_bytes = seen.server_anon_bytes});
  }
  latency_.add(seen.latency);
  publish_latency_.add(seen.publish_latency);
  begin(clock_ns, seen);
}

void Timeline::end(std::int64_t clock_ns, Seen seen) {
  cut(clock_ns, seen);
  running_ = false;
}

LatencySummary Timeline::latest(std::int64_t clock_ns, const Seen& seen) const {
  constexpr std::int64_t kYoungNs = 400'000'000;
  const bool young = clock_ns - begin_ns_ < kYoungNs && !intervals_.empty();
  const LatencySummary latency = young ? intervals_.back().latency : summarise(seen.latency);
  if (latency.count != 0) return latency;
  return young ? intervals_.back().publish_latency : summarise(seen.publish_latency);
}

void Timeline::add_late(Histogram& latency) {
  latency_.add(latency);
  latency.clear();
}

}  // namespace ringcast::load
