#include "tools/ringload/timeline.h"

#include <gtest/gtest.h>

namespace ringcast::load {
namespace {

constexpr std::int64_t kMs = 1'000'000;

TEST(RingloadTimeline, CutsAtMultiplesOfItsLength) {
  Timeline timeline(0.5);
  Histogram latency;
  Histogram publish;
  latency.record(99 * kMs);  // of the warm-up
  EXPECT_FALSE(timeline.due(INT64_MAX));
  timeline.begin(1'300 * kMs,
                 {.published = 5, .delivered = 50, .latency = latency, .publish_latency = publish});
  EXPECT_FALSE(timeline.due(1'499 * kMs));
  EXPECT_TRUE(timeline.due(1'500 * kMs));
  latency.record(1 * kMs);
  latency.record(3 * kMs);
  publish.record(2 * kMs);
  timeline.cut(1'500 * kMs, {7, 70, latency, publish});
  EXPECT_EQ(latency.count(), 0U);
  EXPECT_FALSE(timeline.due(1'999 * kMs));
  latency.record(10 * kMs);
  timeline.end(1'600 * kMs, {8, 80, latency, publish});
  EXPECT_FALSE(timeline.due(INT64_MAX));

  ASSERT_EQ(timeline.intervals().size(), 2U);
  const Interval& first = timeline.intervals()[0];
  EXPECT_DOUBLE_EQ(first.at_s, 1.3);
  EXPECT_DOUBLE_EQ(first.seconds, 0.2);
  EXPECT_EQ(first.published, 2U);
  EXPECT_EQ(first.delivered, 20U);
  EXPECT_EQ(first.latency.count, 2U);
  EXPECT_DOUBLE_EQ(first.latency.max_us, 3000);
  EXPECT_EQ(first.publish_latency.count, 1U);
  const Interval& second = timeline.intervals()[1];
  EXPECT_DOUBLE_EQ(second.at_s, 1.5);
  EXPECT_EQ(second.delivered, 10U);
  EXPECT_DOUBLE_EQ(second.latency.max_us, 10'000);

  // The whole is its intervals and what came late.
  EXPECT_EQ(timeline.latency().count(), 3U);
  latency.record(20 * kMs);
  timeline.add_late(latency);
  EXPECT_EQ(timeline.latency().count(), 4U);
  EXPECT_EQ(timeline.latency().max_ns(), 20 * kMs);
  EXPECT_EQ(timeline.publish_latency().count(), 1U);
}

TEST(RingloadHistogram, AddsAnother) {
  Histogram one;
  Histogram other;
  for (int n = 1; n <= 50; ++n) one.record(n * kMs);
  for (int n = 51; n <= 100; ++n) other.record(n * kMs);
  one.add(other);
  one.add(Histogram{});
  EXPECT_EQ(one.count(), 100U);
  EXPECT_DOUBLE_EQ(one.mean_ns(), 50.5 * kMs);
  EXPECT_EQ(one.max_ns(), 100 * kMs);
  EXPECT_NEAR(static_cast<double>(one.percentile_ns(0.99)), 99.0 * kMs, 0.1 * kMs);
}

}  // namespace
}  // namespace ringcast::load
