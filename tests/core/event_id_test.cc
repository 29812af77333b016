#include "core/event_id.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ringcast {
namespace {

constexpr std::uint64_t kLargest = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kFirstDense = 10'000'000'000'000;

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
      const std::uint64_t counter = 1 + (random() >> (4 + random() % 54));
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
                                  "k3.",
                                  "k3.3jlxpt2pr",      // 10^13 - 1, which is decimal
                                  "k3.03jlxpt2ps",     // a leading zero
                                  "k3.3JLXPT2PS",      // capitals
                                  "k3.3w5e11264sgsg",  // 2^64
                                  "k3-.3jlxpt2ps",
                                  "k3.-3jlxpt2ps",
                                  "k3.3jlxpt2ps.",
                                  "k3-3jlxpt2ps",
                                  ".3jlxpt2ps",
                                  "k3.3jlxpt2ps.3jlxpt2pu",  // twice the same home
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

TEST(EventId, NumbersFromTenToThe13thOnAreInBase36) {
  const EventIds ids("k3", 2);
  EXPECT_EQ(ids.text(kFirstDense - 1), "k3-9999999999999");
  EXPECT_EQ(ids.text(kFirstDense), "k3.3jlxpt2ps");
  EXPECT_EQ(ids.text(kLargest), "k3.3w5e11264sgsf");
  EXPECT_EQ(ids.text(Position{{kFirstDense, 7}}), "k3.3jlxpt2ps-7");
  EXPECT_EQ(ids.parse("k3.3jlxpt2ps").position.number[0], kFirstDense);
  EXPECT_EQ(ids.parse("k3.3w5e11264sgsf").position.number[1], kLargest);
  EXPECT_EQ(ids.parse("k3.3jlxpt2ps-7").position.number, (Position{{kFirstDense, 7}}.number));
  EXPECT_EQ(ids.parse("k3-7.3jlxpt2ps").position.number, (Position{{kFirstDense, 7}}.number));
  EXPECT_EQ(ids.parse("k2.3jlxpt2ps").problem, IdProblem::epoch);
}

TEST(EventId, DecimalIsReadUpTo19Digits) {
  const EventIds ids("k3", 1);
  EXPECT_EQ(ids.parse("k3-9999999999999999999").position.number[0], 9'999'999'999'999'999'999U);
  EXPECT_EQ(ids.parse("k3-10000000000000").position.number[0], kFirstDense);
}

TEST(EventId, EightHomesWithTheLargestNumbersStayWithin128Bytes) {
  const std::uint64_t around[] = {99'999'999'999'984,  // a decimal of 14 digits
                                  999'999'999'999'992, 9'999'999'999'992, kLargest - 7};
  for (const std::string& epoch : {EventIds::epoch_at(1'760'000'000'000), std::string(16, 'z')}) {
    const EventIds ids(epoch, kMostHomes);
    for (const std::uint64_t first : around) {
      Position position;
      for (unsigned home = 0; home < kMostHomes; ++home) position.number[home] = first + home;
      ASSERT_EQ(ids.home_of(first), 0U);
      const std::string id = ids.text(position);
      EXPECT_LE(id.size(), kMostIdBytes) << id;
      EXPECT_EQ(ids.parse(id).problem, IdProblem::none) << id;
      EXPECT_EQ(ids.parse(id).position.number, position.number) << id;
    }
  }
}

TEST(EventId, OnlyCharactersThatNeedNoPreflight) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 4);
  Position position;
  position.number = {4, 5, kLargest - 1, kLargest};
  for (const char c : ids.text(position)) {
    EXPECT_TRUE((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '.') << c;
  }
}

}  // namespace
}  // namespace ringcast
