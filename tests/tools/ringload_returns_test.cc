#include <gtest/gtest.h>

#include <array>
#include <set>
#include <vector>

#include "tools/ringload/churn.h"
#include "tools/ringload/recovery.h"
#include "tools/ringload/schedule.h"
#include "tools/ringload/sequence_checker.h"
#include "tools/ringload/sse_stream.h"

namespace ringcast::load {
namespace {

constexpr std::int64_t kMillisecondNs = 1'000'000;
constexpr std::int64_t kSecondNs = 1'000'000'000;

// --- Churn -------------------------------------------------------------------------------------

struct Leaver {
  std::vector<std::size_t> left;
  std::set<std::size_t> away;

  bool operator()(std::size_t index) {
    if (away.contains(index)) return false;
    left.push_back(index);
    return true;
  }
};

TEST(RingloadChurn, IsEvenOverTimeAndMembers) {
  Churn churn(10, 3);
  Leaver leaver;
  EXPECT_EQ(churn.next_ns(), -1);
  churn.begin(kSecondNs);
  for (std::int64_t now = kSecondNs; now <= 2 * kSecondNs; now += kMillisecondNs) {
    const std::size_t before = leaver.left.size();
    churn.step(now, leaver);
    EXPECT_LE(leaver.left.size(), before + 1);
    EXPECT_EQ(leaver.left.size(), churn.due(now));
    EXPECT_GT(churn.next_ns(), now);
  }
  EXPECT_EQ(leaver.left, (std::vector<std::size_t>{0, 1, 2, 0, 1, 2, 0, 1, 2, 0}));
}

TEST(RingloadChurn, PassesOverWhoCannotLeave) {
  Churn churn(1, 4);
  Leaver leaver;
  leaver.away = {0, 2};
  churn.begin(0);
  churn.step(4 * kSecondNs, leaver);
  EXPECT_EQ(leaver.left, (std::vector<std::size_t>{1, 3, 1, 3}));
}

TEST(RingloadChurn, WhatIsDueRemainsSo) {
  Churn churn(1, 2);
  Leaver leaver;
  leaver.away = {0, 1};
  churn.begin(0);
  churn.step(3 * kSecondNs, leaver);
  EXPECT_TRUE(leaver.left.empty());
  EXPECT_EQ(churn.begun(), 0U);
  EXPECT_EQ(churn.due(3 * kSecondNs), 3U);
  EXPECT_EQ(churn.next_ns(), -1);  // nothing by the clock
  leaver.away.clear();
  churn.step(3 * kSecondNs, leaver);
  EXPECT_EQ(leaver.left.size(), 3U);
  EXPECT_EQ(churn.next_ns(), 4 * kSecondNs);
}

TEST(RingloadChurn, Ends) {
  Churn churn(1, 2);
  Leaver leaver;
  churn.begin(0);
  churn.end();
  churn.step(5 * kSecondNs, leaver);
  EXPECT_TRUE(leaver.left.empty());
  EXPECT_EQ(churn.next_ns(), -1);
  Churn nobody(1, 0);
  nobody.begin(0);
  nobody.step(5 * kSecondNs, leaver);
  EXPECT_EQ(nobody.begun(), 0U);
}

// --- Recovery ----------------------------------------------------------------------------------

TEST(RingloadRecovery, SaysWhenSharesWereReached) {
  Recovery recovery(kSecondNs, 200);
  recovery.see(kSecondNs, 200);
  recovery.see(kSecondNs + 10 * kMillisecondNs, 101);
  EXPECT_LT(recovery.half_s(), 0);
  recovery.see(kSecondNs + 20 * kMillisecondNs, 100);
  recovery.see(kSecondNs + 30 * kMillisecondNs, 3);
  EXPECT_LT(recovery.most_s(), 0);
  recovery.see(kSecondNs + 40 * kMillisecondNs, 2);
  EXPECT_LT(recovery.all_s(), 0);
  recovery.see(kSecondNs + 50 * kMillisecondNs, 0);
  recovery.see(kSecondNs + 60 * kMillisecondNs, 5);  // cut off again
  recovery.caught_up(kSecondNs + 70 * kMillisecondNs);
  EXPECT_DOUBLE_EQ(recovery.half_s(), 0.02);
  EXPECT_DOUBLE_EQ(recovery.most_s(), 0.04);
  EXPECT_DOUBLE_EQ(recovery.all_s(), 0.05);
  EXPECT_DOUBLE_EQ(recovery.caught_up_s(), 0.07);
}

TEST(RingloadRecovery, OfASingleOne) {
  Recovery recovery(0, 1);
  recovery.see(kMillisecondNs, 1);
  EXPECT_LT(recovery.half_s(), 0);
  recovery.see(2 * kMillisecondNs, 0);
  EXPECT_DOUBLE_EQ(recovery.half_s(), 0.002);
  EXPECT_DOUBLE_EQ(recovery.all_s(), 0.002);
}

// --- Schedule ----------------------------------------------------------------------------------

TEST(RingloadSchedule, KnowsWhereATopicComesFirst) {
  for (std::uint32_t publishers = 1; publishers <= 12; ++publishers) {
    for (std::uint32_t topics = 1; topics <= 24; ++topics) {
      const Schedule schedule(publishers, topics);
      for (std::uint32_t publisher = 0; publisher < publishers; ++publisher) {
        std::vector<std::uint64_t> first(topics, Schedule::none());
        for (std::uint64_t number = schedule.round(); number-- > 0;) {
          first[schedule.topic(publisher, number)] = number;
        }
        for (std::uint32_t topic = 0; topic < topics; ++topic) {
          ASSERT_EQ(schedule.first(publisher, topic), first[topic])
              << publishers << " " << topics << " " << publisher << " " << topic;
        }
      }
    }
  }
}

TEST(RingloadSchedule, BurstsShareATimeAndKeepTheRate) {
  for (std::uint64_t event = 0; event < 10; ++event) {
    EXPECT_EQ(Schedule::intended_ns(event, 100, 10), 0);
    EXPECT_EQ(Schedule::intended_ns(1000 + event, 100, 10), 10 * kSecondNs);
  }
  EXPECT_EQ(Schedule::intended_ns(10, 100, 10), 100 * kMillisecondNs);
  EXPECT_EQ(Schedule::intended_ns(19, 100, 10), 100 * kMillisecondNs);
  EXPECT_EQ(Schedule::intended_ns(20, 100, 10), 200 * kMillisecondNs);
}

// --- Streams that begin anew -------------------------------------------------------------------

class RingloadAnew : public testing::Test {
 protected:
  void take(std::uint32_t sequence, std::uint32_t publisher = 0) {
    EXPECT_TRUE(checker_.take(publisher, sequence, totals_));
  }

  std::array<std::uint32_t, 2> next_{};
  SequenceChecker checker_{next_};
  SequenceTotals totals_;
};

TEST_F(RingloadAnew, NothingIsLostBetweenTwoStreams) {
  for (const std::uint32_t sequence : {0U, 1U, 2U}) take(sequence);
  checker_.end();
  checker_.begin(std::array{8U, 5U});
  EXPECT_FALSE(checker_.seen(0));
  EXPECT_EQ(checker_.next(0), 8U);
  take(10);
  take(11);
  EXPECT_TRUE(checker_.seen(0));
  EXPECT_FALSE(checker_.seen(1));
  EXPECT_EQ(checker_.next(0), 12U);
  EXPECT_EQ(checker_.next(1), 5U);
  EXPECT_EQ(totals_.delivered, 5U);
  EXPECT_EQ(totals_.missing, 0U);
  EXPECT_EQ(totals_.missed, 7U);  // 3 to 9
  EXPECT_EQ(totals_.ahead, 2);
}

TEST_F(RingloadAnew, WithinAStreamAllCounts) {
  take(0);
  checker_.end();
  checker_.begin(std::array{4U, 0U});
  for (const std::uint32_t sequence : {4U, 7U, 7U, 5U, 8U}) take(sequence);
  EXPECT_EQ(totals_.missing, 1U);  // 6
  EXPECT_EQ(totals_.duplicates, 1U);
  EXPECT_EQ(totals_.out_of_order, 1U);
  EXPECT_EQ(totals_.delivered, 5U);
  EXPECT_EQ(totals_.missed, 3U);
}

TEST_F(RingloadAnew, WhatComesBetweenStreamsIsOfNone) {
  take(0);
  checker_.end();
  take(1);
  take(7);
  EXPECT_EQ(totals_.delivered, 1U);
  checker_.begin(std::array{9U, 0U});
  take(8);  // on its way when the stream began
  EXPECT_EQ(totals_.ahead, -1);
  EXPECT_EQ(totals_.missed, 7U);
  EXPECT_EQ(totals_.delivered, 2U);
}

TEST_F(RingloadAnew, AStreamThatSawNothingChangesNothing) {
  take(0);
  checker_.end();
  checker_.begin(std::array{5U, 0U});
  checker_.end();
  checker_.begin(std::array{9U, 0U});
  take(9);
  EXPECT_EQ(totals_.missed, 8U);  // 1 to 8
  EXPECT_EQ(totals_.ahead, 0);
}

TEST_F(RingloadAnew, EventsAgainAreNotMissed) {
  for (const std::uint32_t sequence : {0U, 1U, 2U}) take(sequence);
  checker_.end();
  checker_.begin(std::array{3U, 0U});
  take(1);  // the server gives what it has kept
  take(2);
  EXPECT_EQ(totals_.missed, 0U);
  EXPECT_EQ(totals_.duplicates, 0U);
}

// --- Ids ---------------------------------------------------------------------------------------

TEST(RingloadLastId, IsTheLastInTheText) {
  EXPECT_EQ(last_id_of("id: a-1\ndata: x\n\n"), "a-1");
  EXPECT_EQ(last_id_of("id: a-1\nid:a-2\ndata: id: x\n\n"), "a-2");
  EXPECT_EQ(last_id_of("data: x\r\nid: a 3\r\n\r\n"), "a 3");
  EXPECT_EQ(last_id_of("id:\n\n"), "");
  EXPECT_EQ(last_id_of("data: id: x\n\n"), std::nullopt);
  EXPECT_EQ(last_id_of(": id: x\n\n"), std::nullopt);
}

}  // namespace
}  // namespace ringcast::load
