#include "tools/ringload/report.h"

#include <gtest/gtest.h>

namespace ringcast::load {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

Report report_of_a_run() {
  Report report;
  report.seconds = 2;
  report.published = 2'000;
  report.delivered = 2'000'000;
  report.receives = 100'000;
  report.server_cpu_s = 0.4;
  report.client_cpu_s = 0.3;
  report.server_known = true;
  report.latency = {.p50_us = 1250, .p99_us = 3800.5, .count = 2'000'000};
  return report;
}

TEST(RingloadReport, DerivesItsFigures) {
  const Report report = report_of_a_run();
  EXPECT_DOUBLE_EQ(report.deliveries_per_s(), 1'000'000);
  EXPECT_DOUBLE_EQ(report.server_ns_per_delivery(), 200);
  EXPECT_DOUBLE_EQ(report.client_ns_per_delivery(), 150);
  EXPECT_FALSE(report.client_bound());
  EXPECT_TRUE(report.correct());
}

TEST(RingloadReport, SaysNothingInsteadOfZero) {
  Options silent;
  silent.mode = Mode::idle;
  const std::string idle = to_json(silent, {});
  EXPECT_TRUE(contains(idle, R"("mode":"idle")"));
  EXPECT_TRUE(contains(idle, R"("latency_us":{"p50":null)"));
  EXPECT_TRUE(contains(idle, R"("server":{"cpu_s":null)"));
  const std::string loaded = to_json({}, report_of_a_run());
  EXPECT_TRUE(contains(loaded, R"("latency_us":{"p50":1250.000,)"));
  EXPECT_TRUE(contains(loaded, R"("p95":0.000,"p99":3800.500,)"));
  EXPECT_TRUE(contains(loaded, R"("cpu_ns_per_delivery":200.0,)"));
  EXPECT_TRUE(contains(loaded, R"("window":64,)"));
}

TEST(RingloadReport, TellsOfSwitchesAndCalls) {
  Report report = report_of_a_run();
  report.server_activity = {.switches = 5'000, .involuntary = 24, .io_calls = 0};
  EXPECT_TRUE(contains(to_text({}, report),
                       "   context switches 2,500/s (12 involuntary), 0.0025 per delivery; "
                       "I/O calls 0/s, 0 per delivery\n"));
  EXPECT_TRUE(contains(to_json({}, report),
                       R"("context_switches":5000,"involuntary_switches":24,"io_calls":0})"));
  report.server_activity.io_calls.reset();
  EXPECT_TRUE(contains(to_text({}, report), "0.0025 per delivery\n"));
  EXPECT_TRUE(contains(to_json({}, report), R"("involuntary_switches":24,"io_calls":null})"));
  report.server_activity = {};
  EXPECT_FALSE(contains(to_text({}, report), "switches"));
  report.delivered = 0;
  report.server_activity.switches = report.server_activity.involuntary = 4;
  EXPECT_TRUE(contains(to_text({}, report), "   context switches 2/s (2 involuntary)\n"));
}

TEST(RingloadReport, SaysWhetherItWasSteady) {
  Report report = report_of_a_run();
  report.warmup_s = 2.5;
  EXPECT_TRUE(contains(to_json({}, report), R"("warmup_s":2.500,"seconds":2.0)"));
  EXPECT_TRUE(contains(to_json({}, report), R"("steady":null,)"));
  report.steadiness.steady = true;
  EXPECT_TRUE(contains(to_json({}, report), R"("steady":true,)"));
  report.steadiness.steady = false;
  EXPECT_TRUE(contains(to_json({}, report), R"("steady":false,)"));
}

TEST(RingloadReport, TellsOfRoundTrips) {
  Options options;
  options.transport = Transport::ws;
  options.kind = Kind::echo;
  Report report = report_of_a_run();
  report.subscribers_ready = 100;
  const std::string text = to_text(options, report);
  EXPECT_TRUE(contains(text, "over WebSocket: window 64, echo of 128 bytes on 100 connections\n"));
  EXPECT_TRUE(contains(text, "round trips  1,000,000/s (2,000,000 in 2.00 s)\n"));
  EXPECT_TRUE(contains(text, "altered 0\n"));
  EXPECT_TRUE(contains(text, "200 ns per round trip"));
  EXPECT_TRUE(contains(to_json(options, report), R"("transport":"ws","kind":"echo",)"));
  report.altered = 1;
  EXPECT_FALSE(report.correct());
  options.kind = Kind::control;
  options.mode = Mode::open;
  options.rate = 1000;
  EXPECT_TRUE(contains(to_text(options, report),
                       "1,000 round trips/s, commands of 100 callers in 1 session\n"));
}

TEST(RingloadReport, EscapesWhatItQuotes) {
  Report report;
  report.warnings = {"a \"b\"\n\\"};
  EXPECT_TRUE(contains(to_json({}, report), R"("warnings":["a \"b\"\u000a\\"])"));
}

TEST(RingloadReport, WritesFiguresForPeople) {
  EXPECT_EQ(with_commas(0), "0");
  EXPECT_EQ(with_commas(999), "999");
  EXPECT_EQ(with_commas(1000), "1,000");
  EXPECT_EQ(with_commas(-1234567), "-1,234,567");
  EXPECT_EQ(with_commas(-123), "-123");
  EXPECT_EQ(human_us(0.25), "250 ns");
  EXPECT_EQ(human_us(1250), "1.25 ms");
  EXPECT_EQ(human_us(2'500'000), "2.5 s");
  EXPECT_EQ(human_bytes(512), "512 bytes");
  EXPECT_TRUE(contains(to_text({}, report_of_a_run()), "1,000,000/s (2,000,000 in 2.00 s)"));
}

}  // namespace
}  // namespace ringcast::load
