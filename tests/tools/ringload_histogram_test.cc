#include "tools/ringload/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace ringcast::load {
namespace {

TEST(RingloadHistogram, KnowsNothingAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.percentile_ns(0.99), 0);
  EXPECT_EQ(histogram.mean_ns(), 0);
}

TEST(RingloadHistogram, KeepsSmallValuesExactly) {
  Histogram histogram;
  for (int value = 1; value <= 1000; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile_ns(0.5), 500);
  EXPECT_EQ(histogram.percentile_ns(0.99), 990);
  EXPECT_EQ(histogram.percentile_ns(0.999), 999);
  EXPECT_EQ(histogram.percentile_ns(1), 1000);
  EXPECT_EQ(histogram.percentile_ns(0), 1);
  EXPECT_DOUBLE_EQ(histogram.mean_ns(), 500.5);
}

TEST(RingloadHistogram, IsWithinAThousandthOfTheTruth) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latencies(11, 3);
  std::vector<std::int64_t> values;
  Histogram histogram;
  for (int n = 0; n < 100'000; ++n) {
    const auto value = static_cast<std::int64_t>(std::min(latencies(random), 1e11));
    values.push_back(value);
    histogram.record(value);
  }
  std::ranges::sort(values);
  for (const double share : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * 100'000));
    const auto truth = static_cast<double>(values[rank - 1]);
    const auto found = static_cast<double>(histogram.percentile_ns(share));
    EXPECT_GE(found, truth) << share;
    EXPECT_LE(found, truth * 1.001 + 1) << share;
  }
  EXPECT_EQ(histogram.max_ns(), values.back());
}

TEST(RingloadHistogram, TakesEveryPowerOfTwo) {
  for (int bit = 0; bit < 40; ++bit) {
    for (const std::int64_t off : {-1, 0, 1}) {
      const std::int64_t value =
          std::clamp<std::int64_t>((std::int64_t{1} << bit) + off, 0, Histogram::kMaxNs);
      Histogram histogram;
      histogram.record(value);
      EXPECT_EQ(histogram.percentile_ns(0.5), value);
    }
  }
}

TEST(RingloadHistogram, ClampsWhatIsOutOfRange) {
  Histogram histogram;
  histogram.record(-5);
  EXPECT_EQ(histogram.percentile_ns(1), 0);
  histogram.record(std::int64_t{1} << 50);
  EXPECT_EQ(histogram.max_ns(), Histogram::kMaxNs);
  histogram.clear();
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.max_ns(), 0);
}

}  // namespace
}  // namespace ringcast::load
