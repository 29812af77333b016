#include "tools/ringload/live_view.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ringcast::load {
namespace {

std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

LiveState state_of_a_run() {
  LiveState state;
  state.phase = RunPhase::measuring;
  state.connected = state.wanted = 1000;
  state.elapsed_s = 2.5;
  state.total_s = 10;
  state.deliveries_per_s = 1'234'567;
  state.events_per_s = 1234;
  state.latency = {.p50_us = 1250, .p99_us = 3800, .max_us = 12'000};
  state.lost = 3;
  state.failures = 2;
  state.client_share = 0.336;
  state.rates = {0, 50, 100};
  return state;
}

TEST(RingloadLiveView, ShowsARun) {
  const auto lines = live_lines(state_of_a_run(), 100);
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0],
            "measuring  ██████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  2.5 of 10 s, 7.5 s left");
  EXPECT_EQ(lines[1], "1,234,567 deliveries/s  1,234 events/s  p50 1.25 ms  p99 3.8 ms  max 12 ms");
  EXPECT_EQ(lines[2], "lost 3  duplicates 0  out of order 0  failures 2  client 34 % of a core");
  EXPECT_EQ(lines[3], "▁▄█");
}

TEST(RingloadLiveView, FitsEveryWidth) {
  LiveState state = state_of_a_run();
  state.rates.assign(kMostRates, 1);
  for (const RunPhase phase :
       {RunPhase::connecting, RunPhase::warming_up, RunPhase::measuring, RunPhase::draining}) {
    state.phase = phase;
    for (std::size_t columns = 1; columns <= 200; ++columns) {
      for (const std::string& line : live_lines(state, columns)) {
        EXPECT_LE(width_of(line), std::max(columns, kLeastColumns)) << line;
        EXPECT_FALSE(line.empty());
      }
    }
  }
  // Nothing is left out where it is narrow, it takes more lines.
  state.phase = RunPhase::measuring;
  const auto narrow = live_lines(state, 40);
  EXPECT_GT(narrow.size(), 4U);
  EXPECT_EQ(narrow[1], "1,234,567 deliveries/s  1,234 events/s");
  EXPECT_EQ(narrow[2], "p50 1.25 ms  p99 3.8 ms  max 12 ms");
}

TEST(RingloadLiveView, TellsPhasesApart) {
  LiveState state;
  state.connected = 250;
  state.wanted = 1000;
  const auto connecting = live_lines(state, 80);
  EXPECT_EQ(connecting[0].find("connecting  ██████████░"), 0U) << connecting[0];
  EXPECT_TRUE(connecting[0].ends_with("░  250 of 1,000 subscribers"));
  ASSERT_EQ(connecting.size(), 2U);
  EXPECT_EQ(connecting[1], "failures 0  client 0 % of a core");
  state.wanted = 0;  // none at all is all of them
  EXPECT_EQ(live_lines(state, 80)[0].find("░"), std::string::npos);
  state.phase = RunPhase::warming_up;  // as long as it takes
  state.elapsed_s = 1.5;
  EXPECT_EQ(live_lines(state, 80)[0], "warming up  1.5 s");
  state.phase = RunPhase::draining;
  state.outstanding = 1200;
  EXPECT_EQ(live_lines(state, 80)[0], "draining  1.5 s, 1,200 to come");
}

TEST(RingloadLiveView, SaysOnlyWhatThereIs) {
  LiveState state = state_of_a_run();
  state.latency.reset();
  state.with_events = false;
  state.deliveries = "calls";
  EXPECT_EQ(live_lines(state, 80)[1], "1,234,567 calls/s");
  state.rates.clear();
  EXPECT_EQ(live_lines(state, 80).size(), 3U);
  state.idle = true;
  EXPECT_EQ(live_lines(state, 80).size(), 2U);
}

TEST(RingloadLiveView, SparklineHasTheLastValues) {
  EXPECT_EQ(sparkline({}, 10), "");
  EXPECT_EQ(sparkline({0, 0}, 10), "▁▁");
  EXPECT_EQ(sparkline({1, 1}, 10), "██");
  EXPECT_EQ(sparkline({1000, 0, 1, 2, 3, 4, 5, 6, 7}, 8), "▁▂▃▄▅▆▇█");
}

}  // namespace
}  // namespace ringcast::load
