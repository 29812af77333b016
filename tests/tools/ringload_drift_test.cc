#include "tools/ringload/drift.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace ringcast::load {
namespace {

std::vector<TimedValue> values(int count, const std::function<double(int)>& of) {
  std::vector<TimedValue> all;
  for (int at = 0; at < count; ++at) all.push_back({36.0 * at, of(at)});
  return all;
}

TEST(RingloadDrift, FindsALine) {
  const auto drift = drift_of(values(100, [](int at) { return 1000.0 + 5.0 * at; }));
  ASSERT_TRUE(drift);
  EXPECT_NEAR(drift->per_hour, 500, 1e-6);
  EXPECT_NEAR(drift->begin, 1060, 5);
  EXPECT_NEAR(drift->end, 1435, 5);
  EXPECT_TRUE(drift->exceeds(0.3, 1));
  EXPECT_FALSE(drift->exceeds(0.5, 1));
}

TEST(RingloadDrift, SingleBadIntervalsAreNone) {
  const auto drift = drift_of(values(
      200, [](int at) { return (at % 3 == 0 ? 102.0 : 100.0) + (at % 20 == 7 ? 10'000.0 : 0.0); }));
  ASSERT_TRUE(drift);
  EXPECT_NEAR(drift->share(), 0, 0.021);
  EXPECT_FALSE(drift->exceeds(0.05, 2));
}

TEST(RingloadDrift, WhatGetsLessIsNoGrowth) {
  const auto drift = drift_of(values(40, [](int at) { return 1000.0 - 10.0 * at; }));
  ASSERT_TRUE(drift);
  EXPECT_LT(drift->per_hour, 0);
  EXPECT_FALSE(drift->exceeds(0, 0.4));
}

TEST(RingloadDrift, NeedsSomeIntervals) {
  const auto flat = [](int) { return 1.0; };
  EXPECT_FALSE(drift_of(values(int{kLeastIntervals} - 1, flat)));
  EXPECT_TRUE(drift_of(values(int{kLeastIntervals}, flat)));
}

TEST(RingloadDrift, FromNothingToSomethingIsMoreThanAnyBound) {
  const auto drift = drift_of(values(40, [](int at) { return at < 15 ? 0.0 : 10.0 * at; }));
  ASSERT_TRUE(drift);
  EXPECT_TRUE(std::isinf(drift->share()));
  EXPECT_TRUE(drift->exceeds(100, 0.4));
}

TEST(RingloadDrift, ManyIntervalsAreThinned) {
  const auto drift = drift_of(values(100'000, [](int at) { return 1.0 * at; }));
  ASSERT_TRUE(drift);
  EXPECT_NEAR(drift->per_hour, 100, 1e-6);
}

TEST(RingloadDrift, JudgesTheIntervalsOfARun) {
  RunResult run;
  run.seconds = 3600;
  for (int at = 0; at < 100; ++at) {
    RunInterval interval{
        .at_s = 36.0 * at, .seconds = 36, .published = 1, .delivered = 1, .latency = {}};
    interval.latency.p99_us = 500;
    interval.server_anon_bytes = 1e6 + 1e4 * at;
    run.intervals.push_back(interval);
  }
  const Drifts grown = drifts_of(run, 0.1, 0.5);
  ASSERT_EQ(grown.lines.size(), 2U);  // without a p50
  EXPECT_TRUE(grown.lines[0].too_much);
  EXPECT_FALSE(grown.lines[1].too_much);
  EXPECT_FALSE(grown.steady());
  EXPECT_TRUE(drifts_of(run, 1, 0.5).steady());
  const std::string text = to_text(grown);
  EXPECT_NE(text.find("server memory"), std::string::npos);
  EXPECT_NE(text.find("MORE THAN 10 %"), std::string::npos) << text;
}

}  // namespace
}  // namespace ringcast::load
