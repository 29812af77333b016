#include "core/event_id.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ringcast {
namespace {

constexpr std::uint64_t kLargest = 9'999'999'999'999'999'999U;  // 19 digits

TEST(EventId, NumberAndHome) {
  const EventIds ids("k3", 2);
  EXPECT_EQ(ids.text(4), "k3-4");
  EXPECT_EQ(ids.home_of(4), 0U);
  EXPECT_EQ(ids.home_of(7), 1U);
  const ParsedId parsed = ids.parse("k3-7");
  EXPECT_EQ(parsed.problem, IdProblem::none);
  EXPECT_EQ(parsed.position.number[0], 0U);
  EXPECT_EQ(parsed.position.number[1], 7U);
}

TEST(EventId, PositionLeavesOutHomesItDoesNotKnow) {
  const EventIds ids("k3", 3);
  Position position;
  position.number[0] = 9;
  position.number[2] = 5;
  EXPECT_EQ(ids.text(position), "k3-9-5");
}

TEST(EventId, RoundTripOfRandomPositions) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto homes = static_cast<unsigned>(1 + random() % kMostHomes);
    const EventIds ids(EventIds::epoch_at(static_cast<std::int64_t>(random() >> 20)), homes);
    Position position;
    for (unsigned home = 0; home < homes; ++home) {
      if (random() % 4 == 0) continue;
      const std::uint64_t counter = 1 + (random() >> (8 + random() % 50));
      position.number[home] = counter * homes + home;
    }
    const std::string id = ids.text(position);
    if (id == ids.epoch()) continue;  // it knows no home
    const ParsedId parsed = ids.parse(id);
    ASSERT_EQ(parsed.problem, IdProblem::none) << id;
    ASSERT_EQ(parsed.position.number, position.number) << id;
  }
}

TEST(EventId, EpochsDifferWithTheStartAndStayShort) {
  EXPECT_NE(EventIds::epoch_at(1'760'000'000'000), EventIds::epoch_at(1'760'000'000'001));
  EXPECT_EQ(EventIds::epoch_at(35), "z");
  EXPECT_LE(EventIds::epoch_at(4'000'000'000'000).size(), 9U);
}

TEST(EventId, AnotherEpochIsSaidToBeOne) {
  const EventIds ids("k3", 2);
  EXPECT_EQ(ids.parse("k2-7").problem, IdProblem::epoch);
  // Another start may have had more homes: several numbers, in whatever order, zero as well.
  EXPECT_EQ(ids.parse("k2-7-9-11-13").problem, IdProblem::epoch);
  EXPECT_EQ(ids.parse("k2-0").problem, IdProblem::epoch);
  EXPECT_EQ(ids.parse("k2-7-9").position.number, Position{}.number);
}

TEST(EventId, MalformedIdsAreNoPositions) {
  const EventIds ids("k3", 2);
  const std::string long_id = "k3-" + std::string(126, '1');
  const std::string_view bad[] = {"",
                                  "-",
                                  "k3",
                                  "-4",
                                  "k3-",
                                  "k3--4",
                                  "k3-4-",
                                  "k3-x",
                                  "k3-4x",
                                  "k3- 4",
                                  "k3-+4",
                                  "K3-4",
                                  "k 3-4",
                                  "k.3-4",
                                  "k3-4 ",
                                  "k3-4\n",
                                  "k3_4",
                                  "k3-4.5",
                                  "k3-4-6",  // twice the same home
                                  "k3-0",
                                  "k3-1",  // no event has these
                                  "k3-99999999999999999999",
                                  "k3-18446744073709551616",
                                  "4",
                                  "\xff-4",
                                  "k3-\xff",
                                  long_id};
  for (const std::string_view id : bad) {
    const ParsedId parsed = ids.parse(id);
    EXPECT_EQ(parsed.problem, IdProblem::malformed) << id;
    EXPECT_EQ(parsed.position.number, Position{}.number) << id;
  }
}

TEST(EventId, EightHomesAndHugeNumbersStayWithin128Bytes) {
  // 14 digits on each: a million events a second on every home reach them after 145 days.
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), kMostHomes);
  Position position;
  for (unsigned home = 0; home < kMostHomes; ++home) {
    position.number[home] = 99'999'999'999'984 + home;
  }
  const std::string id = ids.text(position);
  EXPECT_LE(id.size(), kMostIdBytes);
  EXPECT_EQ(ids.parse(id).problem, IdProblem::none);
  EXPECT_EQ(ids.parse(id).position.number[7], position.number[7]);
}

TEST(EventId, WriteDoesNotPassTheLimitWithTheLargestNumbers) {
  const EventIds ids("zzzzzzzzz", 1);
  const std::string id = ids.text(kLargest);
  EXPECT_EQ(id, "zzzzzzzzz-9999999999999999999");
  EXPECT_LE(id.size(), kMostIdBytes);
  EXPECT_EQ(ids.parse(id).position.number[0], kLargest);
}

TEST(EventId, OnlyCharactersThatNeedNoPreflight) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 4);
  Position position;
  position.number = {4, 5, 6, 7};
  for (const char c : ids.text(position)) {
    EXPECT_TRUE((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-') << c;
  }
}

}  // namespace
}  // namespace ringcast
