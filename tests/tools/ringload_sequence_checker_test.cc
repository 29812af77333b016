#include "tools/ringload/sequence_checker.h"

#include <gtest/gtest.h>

#include <array>
#include <initializer_list>
#include <map>
#include <utility>

#include "tools/ringload/schedule.h"

namespace ringcast::load {
namespace {

class RingloadSequenceChecker : public testing::Test {
 protected:
  void take(std::initializer_list<std::uint32_t> sequences, std::uint32_t publisher = 0) {
    for (const std::uint32_t sequence : sequences) {
      EXPECT_TRUE(checker_.take(publisher, sequence, totals_));
    }
  }
  void expect(std::uint64_t delivered, std::uint64_t missing, std::uint64_t duplicates,
              std::uint64_t out_of_order) {
    EXPECT_EQ(totals_.delivered, delivered);
    EXPECT_EQ(totals_.missing, missing);
    EXPECT_EQ(totals_.duplicates, duplicates);
    EXPECT_EQ(totals_.out_of_order, out_of_order);
  }

  std::array<std::uint32_t, 2> next_{};
  SequenceChecker checker_{next_};
  SequenceTotals totals_;
};

TEST_F(RingloadSequenceChecker, IsContentWithOrder) {
  take({0, 1, 2, 3});
  take({0, 1}, 1);
  expect(6, 0, 0, 0);
  EXPECT_EQ(checker_.next(0), 4U);
  EXPECT_EQ(checker_.next(1), 2U);
}

TEST_F(RingloadSequenceChecker, SeesLoss) {
  take({0, 1, 5, 6, 8});
  expect(5, 4, 0, 0);
}

TEST_F(RingloadSequenceChecker, SeesALostStart) {
  take({3});
  expect(1, 3, 0, 0);
}

TEST_F(RingloadSequenceChecker, SeesDuplicates) {
  take({0, 1, 1, 0, 2});
  expect(3, 0, 2, 0);
}

TEST_F(RingloadSequenceChecker, TellsLateFromDouble) {
  take({0, 4, 2, 2, 1, 3, 3, 5});
  expect(6, 0, 2, 3);
}

TEST_F(RingloadSequenceChecker, KeepsPublishersApart) {
  take({0, 2});
  take({0, 1}, 1);
  take({1}, 1);
  expect(4, 1, 1, 0);
}

TEST_F(RingloadSequenceChecker, RefusesAPublisherThatIsNone) {
  EXPECT_FALSE(checker_.take(2, 0, totals_));
}

TEST_F(RingloadSequenceChecker, IsBoundedWhenEverySecondIsLost) {
  constexpr std::uint32_t kEvents = 10 * SequenceChecker::kRangesMax;
  for (std::uint32_t n = 0; n < kEvents; ++n) take({2 * n + 1});
  expect(kEvents, kEvents, 0, 0);
}

TEST(RingloadSchedule, NumbersEachTopicOfAPublisherWithoutGaps) {
  for (const auto& [publishers, topics] : std::initializer_list<std::pair<unsigned, unsigned>>{
           {1, 1}, {1, 7}, {4, 1}, {2, 3}, {4, 6}, {6, 4}, {32, 100}, {3, 3}}) {
    const Schedule schedule(publishers, topics);
    std::map<std::pair<unsigned, unsigned>, std::uint32_t> next;
    std::map<unsigned, int> per_topic;
    constexpr std::uint64_t kEvents = 2400;
    for (std::uint64_t event = 0; event < kEvents; ++event) {
      const auto publisher = static_cast<unsigned>(event % publishers);
      const std::uint64_t number = event / publishers;
      const std::uint32_t topic = schedule.topic(publisher, number);
      EXPECT_EQ(topic, event % topics);
      EXPECT_EQ(schedule.sequence(number), (next[{publisher, topic}]++));
      ++per_topic[topic];
    }
    EXPECT_EQ(per_topic.size(), topics);
    for (unsigned publisher = 0; publisher < publishers; ++publisher) {
      const std::uint64_t sent = (kEvents - publisher + publishers - 1) / publishers;
      for (std::uint64_t first = 0; first < schedule.round(); ++first) {
        EXPECT_EQ(schedule.count(sent, first),
                  (next[{publisher, schedule.topic(publisher, first)}]));
      }
    }
  }
}

TEST(RingloadSchedule, SpreadsEventsEvenly) {
  EXPECT_EQ(Schedule::intended_ns(0, 100), 0);
  EXPECT_EQ(Schedule::intended_ns(3, 100), 30'000'000);
  EXPECT_EQ(Schedule::intended_ns(20'000, 20'000), 1'000'000'000);
}

}  // namespace
}  // namespace ringcast::load
