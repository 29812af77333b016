#include "tools/ringload/knee.h"

#include <gtest/gtest.h>

#include <functional>

namespace ringcast::load {
namespace {

struct Outcome {
  std::optional<double> best, bad;
  int tries = 0;
};

Outcome search(double from, double to, double precision, const std::function<bool(double)>& holds) {
  KneeSearch search(from, to, precision);
  int tries = 0;
  while (const auto rate = search.next()) {
    EXPECT_LE(*rate, to);
    search.tell(holds(*rate));
    if (++tries > 1000) break;
  }
  return {search.best(), search.bad(), tries};
}

TEST(RingloadKnee, FindsTheHighestRateThatHolds) {
  for (const double limit : {101.0, 150.0, 1234.0, 99'999.0, 100'000.0}) {
    const auto found = search(100, 1e6, 0.05, [&](double rate) { return rate <= limit; });
    ASSERT_TRUE(found.best && found.bad) << limit;
    EXPECT_LE(*found.best, limit);
    EXPECT_GT(*found.bad, limit);
    EXPECT_LE(*found.bad / *found.best, 1.05) << limit;
    EXPECT_LT(found.tries, 40) << limit;
  }
}

TEST(RingloadKnee, GoesDownWhereTheFirstRateIsTooHigh) {
  const auto found = search(10'000, 1e6, 0.05, [](double rate) { return rate <= 70; });
  ASSERT_TRUE(found.best);
  EXPECT_LE(*found.best, 70);
  EXPECT_GT(*found.best, 70 / 1.05 - 1);
}

TEST(RingloadKnee, EndsWhereNothingHoldsOrEverythingDoes) {
  const auto none = search(100, 1e6, 0.05, [](double) { return false; });
  EXPECT_FALSE(none.best);
  EXPECT_TRUE(none.bad);
  EXPECT_LT(none.tries, 40);
  const auto all = search(100, 5000, 0.05, [](double) { return true; });
  EXPECT_EQ(all.best, 5000);
  EXPECT_FALSE(all.bad);
  EXPECT_EQ(search(100, 50, 0.05, [](double) { return true; }).best, 50);
}

TEST(RingloadKnee, OneBadRunIsNoLimit) {
  int number = 0;
  const auto found = search(100, 6400, 0.05, [&](double) { return number++ % 2 != 0; });
  EXPECT_EQ(found.best, 6400);
  EXPECT_FALSE(found.bad);
}

}  // namespace
}  // namespace ringcast::load
