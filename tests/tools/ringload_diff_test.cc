#include "tools/ringload/diff.h"

#include <gtest/gtest.h>

#include "tests/tools/ringload_results.h"

namespace ringcast::load {
namespace {

constexpr double kBound = 0.05;

Spread one(double value) { return {.median = value, .min = value, .max = value, .runs = 1}; }

Verdict verdict(std::string_view name, Spread before, Spread after, double bound = kBound) {
  return compare(figure(name), before, after, bound).verdict;
}

TEST(RingloadDiff, JudgesWhatMovedBeyondTheBound) {
  EXPECT_EQ(verdict("p99_us", one(100), one(105)), Verdict::same);
  EXPECT_EQ(verdict("p99_us", one(100), one(105.1)), Verdict::worse);
  EXPECT_EQ(verdict("p99_us", one(100), one(94)), Verdict::better);
  EXPECT_EQ(verdict("p99_us", one(100), one(108), 0.1), Verdict::same);
  EXPECT_EQ(verdict("deliveries_per_s", one(100), one(94)), Verdict::worse);
  EXPECT_EQ(verdict("deliveries_per_s", one(100), one(106)), Verdict::better);
  EXPECT_EQ(verdict("server_cpu_ns_per_delivery", one(0), one(1)), Verdict::worse);
  EXPECT_EQ(verdict("server_bytes_per_subscriber", one(-100), one(-100)), Verdict::same);
}

TEST(RingloadDiff, LooksAtTheSpreadOfTheRuns) {
  const Spread before{.median = 100, .min = 90, .max = 120, .runs = 3};
  EXPECT_EQ(verdict("p99_us", before, {.median = 130, .min = 119, .max = 150, .runs = 3}),
            Verdict::same);
  EXPECT_EQ(verdict("p99_us", before, {.median = 130, .min = 121, .max = 150, .runs = 3}),
            Verdict::worse);
  EXPECT_EQ(verdict("p99_us", before, {.median = 70, .min = 60, .max = 89, .runs = 3}),
            Verdict::better);
}

TEST(RingloadDiff, TakesAnyLossAsWorse) {
  EXPECT_EQ(verdict("lost", one(0), one(0)), Verdict::same);
  EXPECT_EQ(verdict("lost", one(0), {.median = 0, .min = 0, .max = 1, .runs = 5}), Verdict::worse);
  EXPECT_EQ(verdict("lost", one(1000), one(1001)), Verdict::worse);
  EXPECT_EQ(verdict("duplicates", one(2), one(1)), Verdict::better);
}

TEST(RingloadDiff, DoesNotJudgeSingleEventsNorTheClient) {
  EXPECT_EQ(verdict("max_us", one(1), one(1000)), Verdict::same);
  EXPECT_EQ(verdict("client_cpu_share", one(0.1), one(0.9)), Verdict::same);
}

TEST(RingloadDiff, MatchesByName) {
  const auto diff = diff_of({made_up("a", {100}), made_up("b", {100}), made_up("gone", {1})},
                            {made_up("new", {1}), made_up("b", {50}), made_up("a", {100})}, kBound);
  ASSERT_TRUE(diff);
  ASSERT_EQ(diff->measurements.size(), 2U);
  EXPECT_EQ(diff->measurements[1].name, "b");
  EXPECT_TRUE(diff->worse());
  const std::string text = to_text(*diff, kBound);
  EXPECT_TRUE(contains(text, "only before: gone\nonly after: new\n")) << text;
  EXPECT_TRUE(contains(text, "100        50  0.500         WORSE\n")) << text;
  EXPECT_TRUE(contains(text, "1 figure worse, nothing better by more than 5 %")) << text;
}

TEST(RingloadDiff, MatchesTheOnlyOnes) {
  const auto diff = diff_of({made_up("a", {100, 90, 101})}, {made_up("b", {100})}, kBound);
  ASSERT_TRUE(diff);
  EXPECT_FALSE(diff->worse());
  EXPECT_TRUE(contains(to_text(*diff, kBound), "Nothing worse, nothing better"));
  const auto none = diff_of({made_up("a", {1}), made_up("b", {1})}, {made_up("c", {1})}, kBound);
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "nothing_in_common");
}

}  // namespace
}  // namespace ringcast::load
