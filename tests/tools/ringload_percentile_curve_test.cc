#include "tools/ringload/percentile_curve.h"

#include <gtest/gtest.h>

namespace ringcast::load {
namespace {

TEST(RingloadPercentileCurve, HasNothingOfNothing) {
  EXPECT_TRUE(percentile_curve(Histogram()).empty());
}

TEST(RingloadPercentileCurve, OfOneValueIsThatValue) {
  Histogram histogram;
  histogram.record(5'000);
  const auto curve = percentile_curve(histogram);
  ASSERT_EQ(curve.size(), 2U);
  EXPECT_EQ(curve.front().share, 0);
  EXPECT_EQ(curve.front().us, 5);
  EXPECT_EQ(curve.back().share, 1);
  EXPECT_EQ(curve.back().us, 5);
}

TEST(RingloadPercentileCurve, HalvesWhatIsLeftInFiveSteps) {
  Histogram histogram;
  for (int value = 1; value <= 1000; ++value) histogram.record(value * 1'000);
  const auto curve = percentile_curve(histogram);
  const double shares[] = {0, .1, .2, .3, .4, .5, .55, .6, .65, .7, .75, .775};
  for (std::size_t at = 0; at < std::size(shares); ++at) {
    EXPECT_NEAR(curve[at].share, shares[at], 1e-12);
    EXPECT_NEAR(curve[at].us, std::max(1.0, shares[at] * 1000), 2) << at;
  }
  // The last step leaves one of the thousand above, or a little more.
  const CurvePoint& last = curve[curve.size() - 2];
  EXPECT_LE(last.share, 0.999);
  EXPECT_GT(last.share, 0.998);
  EXPECT_EQ(curve.back().share, 1);
  EXPECT_EQ(curve.back().us, 1000);
  for (std::size_t at = 1; at < curve.size(); ++at) {
    EXPECT_GT(curve[at].share, curve[at - 1].share);
    EXPECT_GE(curve[at].us, curve[at - 1].us);
  }
}

}  // namespace
}  // namespace ringcast::load
