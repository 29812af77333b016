#include "tools/ringload/steadiness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ringcast::load {
namespace {

Interval interval(double per_s, double p99_us, double seconds = 1, double p50_us = 100) {
  return {.seconds = seconds,
          .published = 1,
          .delivered = static_cast<std::uint64_t>(per_s * seconds),
          .latency = {.p50_us = p50_us, .p99_us = p99_us, .count = 1'000},
          .publish_latency = {}};
}

std::vector<Interval> with_rates(const std::vector<double>& rates) {
  std::vector<Interval> intervals;
  for (const double rate : rates) intervals.push_back(interval(rate, 500));
  return intervals;
}

std::vector<Interval> with_tails(const std::vector<double>& tails) {
  std::vector<Interval> intervals;
  for (const double tail : tails) intervals.push_back(interval(1000, tail));
  return intervals;
}

std::optional<bool> steady(const std::vector<Interval>& intervals) {
  return steadiness_of(intervals, 1).steady;
}

TEST(RingloadTrend, IsThatOfMannAndKendall) {
  // S = 10, its variance 5·4·15/18.
  EXPECT_NEAR(trend_z(std::vector<double>{1, 2, 3, 4, 5}), 9 / std::sqrt(300 / 18.0), 1e-9);
  EXPECT_NEAR(trend_z(std::vector<double>{5, 4, 3, 2, 1}), -9 / std::sqrt(300 / 18.0), 1e-9);
  // Two ties of two: S = 4, and 2·1·9 less twice.
  EXPECT_NEAR(trend_z(std::vector<double>{1, 1, 2, 2}), 3 / std::sqrt((156 - 36) / 18.0), 1e-9);
  EXPECT_EQ(trend_z(std::vector<double>{7, 7, 7, 7, 7, 7}), 0);
  EXPECT_EQ(trend_z(std::vector<double>{}), 0);
  EXPECT_DOUBLE_EQ(trend_slope(std::vector<double>{1, 3, 5, 7, 900}), 2);
}

TEST(RingloadSteadiness, NeedsSixIntervals) {
  EXPECT_EQ(steady(with_rates({9, 8, 7, 6, 5})), std::nullopt);
  EXPECT_EQ(steady(with_rates({9, 9, 9, 9, 9, 9})), true);
  EXPECT_EQ(describe(steadiness_of({}, 1)), "");
  // A first or last one that is too short to tell anything is not counted.
  auto intervals = with_rates({100, 100, 100, 100, 100});
  intervals.push_back(interval(0, 500, 0.2));
  EXPECT_EQ(steady(intervals), std::nullopt);
  intervals.push_back(interval(100, 500, 0.6));
  EXPECT_EQ(steady(intervals), true);
}

TEST(RingloadSteadiness, FindsAStep) {
  const auto found = steadiness_of(with_rates({100, 101, 99, 86, 85, 87}), 1);
  EXPECT_EQ(found.steady, false);
  EXPECT_NEAR(found.throughput_change.value(), -0.14, 1e-9);
  EXPECT_EQ(describe(found).find("throughput fell by 14 % while measuring: a longer --warmup"), 0U);
  EXPECT_EQ(steady(with_rates({100, 101, 99, 95, 94, 96})), true);
  EXPECT_EQ(steady(with_rates({0, 0, 0, 5, 5, 5})), false);
  EXPECT_EQ(steady(with_rates({0, 0, 0, 0, 0, 0})), true);
}

TEST(RingloadSteadiness, FindsATrendThatHalvesDoNotShow) {
  // 9 % between the halves, 16 % from the first to the last.
  const auto found = steadiness_of(with_rates({92, 94, 96, 98, 100, 102, 104, 107}), 1);
  EXPECT_EQ(found.steady, false);
  EXPECT_NEAR(found.throughput_change.value(), 0.16, 0.02);
  EXPECT_EQ(describe(found).find("throughput rose by 1"), 0U);
  EXPECT_EQ(steady(with_rates({98, 98.5, 99, 99.5, 100, 100.5, 101, 101.5})), true);
}

TEST(RingloadSteadiness, IsNotDecidedByOutliers) {
  EXPECT_EQ(steady(with_rates({100, 100, 100, 100, 10, 100, 100, 100})), true);
  EXPECT_EQ(steady(with_rates({300, 100, 101, 99, 100, 100, 101, 20})), true);
  EXPECT_EQ(steady(with_tails({500, 500, 500, 500, 90'000, 500, 510, 520})), true);
}

TEST(RingloadSteadiness, LooksAtTheTailToo) {
  const auto found = steadiness_of(with_tails({500, 520, 560, 600, 650, 700, 760, 800}), 1);
  EXPECT_EQ(found.steady, false);
  EXPECT_FALSE(found.throughput_change);
  EXPECT_GT(found.p99_change.value(), 0.5);
  EXPECT_EQ(describe(found).find("the p99 latency rose by"), 0U);
  // It scatters more than throughput does.
  EXPECT_EQ(steady(with_tails({500, 700, 450, 650, 520, 690, 480, 720})), true);
}

TEST(RingloadSteadiness, HardlyEverComplainsOfNoise) {
  std::mt19937 random(7);
  std::normal_distribution<double> noise(1000, 25);
  int complaints = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<double> rates(20);
    for (double& rate : rates) rate = noise(random);
    complaints += steady(with_rates(rates)) == true ? 0 : 1;
  }
  EXPECT_LE(complaints, 5);
}

TEST(RingloadSteadiness, ComparesThousandsOfIntervals) {
  std::vector<double> rates(20'000);
  for (std::size_t at = 0; at < rates.size(); ++at) {
    rates[at] = 1000 - static_cast<double>(at) * 0.012 + (at % 2 == 0 ? 30 : -30);
  }
  EXPECT_EQ(steady(with_rates(rates)), false);
}

TEST(RingloadWarmUp, EndsWhenThreeAgree) {
  const WarmUp closed(true);
  std::vector<Interval> intervals = {interval(50, 500, 0.5), interval(80, 500, 0.5)};
  EXPECT_FALSE(closed.is_over(intervals));
  intervals.push_back(interval(95, 500, 0.5));
  EXPECT_FALSE(closed.is_over(intervals));
  intervals.push_back(interval(100, 500, 0.5));
  EXPECT_FALSE(closed.is_over(intervals));
  intervals.push_back(interval(98, 500, 0.5));
  EXPECT_TRUE(closed.is_over(intervals));
  // Not in a row any more.
  intervals.push_back(interval(60, 500, 0.5));
  EXPECT_FALSE(closed.is_over(intervals));
}

TEST(RingloadWarmUp, LooksAtLatency) {
  const WarmUp open(false);
  std::vector<Interval> intervals = {interval(50, 500, 0.5, 400), interval(80, 500, 0.5, 310),
                                     interval(10, 500, 0.5, 299)};
  EXPECT_FALSE(open.is_over(intervals));
  intervals.push_back(interval(20, 500, 0.5, 260));
  EXPECT_TRUE(open.is_over(intervals));
  EXPECT_FALSE(WarmUp(true).is_over(intervals));
}

TEST(RingloadWarmUp, LeavesOutShortOnesAndSilentOnes) {
  const WarmUp closed(true);
  const Interval good = interval(100, 500, 0.5);
  EXPECT_FALSE(closed.is_over(std::vector{interval(100, 500, 0.1), good, good}));
  EXPECT_TRUE(closed.is_over(std::vector{interval(5, 500, 0.1), good, good, good}));
  Interval silent;
  silent.seconds = 0.5;
  EXPECT_FALSE(closed.is_over(std::vector{silent, silent, silent}));
  // Without subscribers there are only answers.
  Interval answered = silent;
  answered.published = 40;
  answered.publish_latency = {.p50_us = 90, .count = 40};
  EXPECT_TRUE(closed.is_over(std::vector{answered, answered, answered}));
}

}  // namespace
}  // namespace ringcast::load
