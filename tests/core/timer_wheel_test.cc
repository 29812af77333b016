#include "core/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace ringcast {
namespace {

constexpr std::int64_t kTick = TimerWheel::kTickNs;
constexpr std::int64_t kHour = 3'600'000 * kTick;

struct Alarm : Timer {
  Alarm() : Timer(fire) {}
  static void fire(Timer& timer) {
    auto& self = static_cast<Alarm&>(timer);
    ++self.fired;
    if (self.then) self.then();
  }
  int fired = 0;
  std::function<void()> then;
};

// The moment, to a tick, at which a timer armed for `deadline` fires when time goes on by `step`.
std::int64_t fires_at(std::int64_t start, std::int64_t deadline, std::int64_t step) {
  TimerWheel wheel(start);
  wheel.advance(start);
  Alarm alarm;
  wheel.arm(alarm, deadline);
  std::int64_t now = start;
  while (alarm.fired == 0) {
    now += step;
    wheel.advance(now);
    EXPECT_LE(now, deadline + step + kTick) << "never fired";
    if (now > deadline + 2 * step + 2 * kTick) break;
  }
  EXPECT_EQ(alarm.fired, 1);
  return now;
}

TEST(TimerWheel, NeverEarlyAndAtMostATickLate) {
  for (const std::int64_t start : {0 * kTick, 63 * kTick, 4095 * kTick + 1, 262'143 * kTick - 1}) {
    for (const std::int64_t after : {1L, 999'999L, 1'000'000L, 1'000'001L, 62'500'000L, 63'000'000L,
                                     64'000'000L, 65'000'000L, 4'095'000'000L, 4'096'000'000L}) {
      const std::int64_t fired = fires_at(start, start + after, kTick / 4);
      EXPECT_GE(fired, start + after);
      EXPECT_LE(fired, start + after + 2 * kTick);
    }
  }
}

TEST(TimerWheel, CascadeEdges) {
  // Around the moments at which levels roll over.
  for (const std::int64_t edge : {64L, 4096L, 262'144L}) {
    for (std::int64_t off = -2; off <= 2; ++off) {
      const std::int64_t deadline = (edge + off) * kTick;
      EXPECT_EQ(fires_at(0, deadline, kTick), deadline) << edge << off;
      EXPECT_EQ(fires_at(7 * kTick, deadline, kTick), deadline) << edge << off;
    }
  }
}

TEST(TimerWheel, BeyondTheHorizon) {
  const std::int64_t deadline = 6 * kHour;
  TimerWheel wheel(0);
  Alarm alarm;
  wheel.arm(alarm, deadline);
  wheel.advance(deadline - 1);
  EXPECT_EQ(alarm.fired, 0);
  EXPECT_GE(wheel.next_deadline_ns(), 0);
  wheel.advance(deadline);
  EXPECT_EQ(alarm.fired, 1);
  EXPECT_LT(wheel.next_deadline_ns(), 0);
}

TEST(TimerWheel, PastDeadlinesFireAtOnce) {
  TimerWheel wheel(1000 * kTick);
  Alarm alarm;
  wheel.arm(alarm, 5);
  wheel.advance(1000 * kTick);
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, DisarmAndRearm) {
  TimerWheel wheel(0);
  Alarm alarm;
  wheel.arm(alarm, 10 * kTick);
  TimerWheel::disarm(alarm);
  EXPECT_LT(wheel.next_deadline_ns(), 0);
  wheel.advance(20 * kTick);
  EXPECT_EQ(alarm.fired, 0);
  wheel.arm(alarm, 30 * kTick);
  wheel.arm(alarm, 50 * kTick);  // moves it
  wheel.advance(40 * kTick);
  EXPECT_EQ(alarm.fired, 0);
  wheel.advance(50 * kTick);
  EXPECT_EQ(alarm.fired, 1);
  wheel.advance(100 * kTick);
  EXPECT_EQ(alarm.fired, 1);
}

TEST(TimerWheel, ADestroyedTimerIsGone) {
  TimerWheel wheel(0);
  {
    Alarm alarm;
    wheel.arm(alarm, 10 * kTick);
  }
  wheel.advance(20 * kTick);
}

TEST(TimerWheel, HandlersMayArmAndDisarmAnyTimer) {
  TimerWheel wheel(0);
  Alarm periodic;
  Alarm victim;
  Alarm late;
  std::int64_t next = 10 * kTick;
  periodic.then = [&] {
    next += 10 * kTick;
    wheel.arm(periodic, next);
    TimerWheel::disarm(victim);
    if (!late.linked() && late.fired == 0) wheel.arm(late, 0);  // long past
  };
  wheel.arm(periodic, next);
  wheel.arm(victim, 10 * kTick);  // due in the same tick, behind it
  wheel.advance(10 * kTick);
  EXPECT_EQ(periodic.fired, 1);
  EXPECT_EQ(victim.fired, 0);
  wheel.advance(100 * kTick);
  EXPECT_EQ(periodic.fired, 10);
  EXPECT_EQ(victim.fired, 0);
  EXPECT_EQ(late.fired, 1);
}

TEST(TimerWheel, ReArmingForNowInAHandlerDoesNotLoop) {
  TimerWheel wheel(0);
  Alarm alarm;
  alarm.then = [&] { wheel.arm(alarm, 0); };
  wheel.arm(alarm, 0);
  wheel.advance(10 * kTick);
  EXPECT_LE(alarm.fired, 11);
}

TEST(TimerWheel, NextDeadlineIsNeverLate) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 500; ++round) {
    const auto start = static_cast<std::int64_t>(random() % (10 * kHour));
    TimerWheel wheel(start);
    wheel.advance(start);
    std::vector<std::unique_ptr<Alarm>> alarms;
    std::int64_t earliest = INT64_MAX;
    for (auto n = 1 + random() % 4; n > 0; --n) {
      const auto range = std::int64_t{1} << (20 + random() % 25);
      const auto deadline =
          start + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(range));
      earliest = std::min(earliest, deadline);
      alarms.push_back(std::make_unique<Alarm>());
      wheel.arm(*alarms.back(), deadline);
    }
    const std::int64_t next = wheel.next_deadline_ns();
    ASSERT_GE(next, 0);
    ASSERT_LE(next, std::max(earliest, start) + 2 * kTick);
  }
}

// What is armed, by the tick of its deadline; fires what is due, in no particular order in a tick.
class Model {
 public:
  void arm(int id, std::int64_t deadline) {
    disarm(id);
    by_tick_.emplace((deadline + kTick - 1) / kTick, id);
  }
  void disarm(int id) {
    std::erase_if(by_tick_, [id](const auto& entry) { return entry.second == id; });
  }
  std::vector<int> due(std::int64_t now) {
    std::vector<int> ids;
    while (!by_tick_.empty() && by_tick_.begin()->first <= now / kTick) {
      ids.push_back(by_tick_.begin()->second);
      by_tick_.erase(by_tick_.begin());
    }
    return ids;
  }

 private:
  std::multimap<std::int64_t, int> by_tick_;
};

TEST(TimerWheel, MatchesAModel) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937_64 random(seed);
    std::int64_t now = static_cast<std::int64_t>(random() % (100 * kHour));
    TimerWheel wheel(now);
    Model model;
    std::vector<int> fired;
    constexpr int kTimers = 50;
    std::vector<std::unique_ptr<Alarm>> alarms;
    for (int id = 0; id < kTimers; ++id) {
      alarms.push_back(std::make_unique<Alarm>());
      alarms.back()->then = [&fired, id] { fired.push_back(id); };
    }
    for (int step = 0; step < 3000; ++step) {
      const int id = static_cast<int>(random() % kTimers);
      if (random() % 5 == 0) {
        TimerWheel::disarm(*alarms[static_cast<std::size_t>(id)]);
        model.disarm(id);
      } else {
        const auto range = std::uint64_t{1} << (18 + random() % 24);
        const std::int64_t deadline = now + kTick + static_cast<std::int64_t>(random() % range);
        wheel.arm(*alarms[static_cast<std::size_t>(id)], deadline);
        model.arm(id, deadline);
      }
      now += static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 32)));
      fired.clear();
      wheel.advance(now);
      std::vector<int> expected = model.due(now);
      std::ranges::sort(fired);
      std::ranges::sort(expected);
      ASSERT_EQ(fired, expected) << "seed " << seed << " step " << step;
    }
  }
}

}  // namespace
}  // namespace ringcast
