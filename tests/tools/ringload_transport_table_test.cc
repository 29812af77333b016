#include "tools/ringload/transport_table.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace ringcast::load {
namespace {

void add(ScenarioResult& result, const char* subject, const std::string& load, RunResult run) {
  for (auto& entry : result.entries) {
    if (entry.subject == subject && entry.load == load) {
      entry.measurement.runs.push_back(std::move(run));
      return;
    }
  }
  ScenarioResult::Entry& entry = result.entries.emplace_back();
  entry.subject = subject;
  entry.load = load;
  entry.measurement.runs.push_back(std::move(run));
}

RunResult flat_out(double per_s, double bytes) {
  RunResult run;
  run.deliveries_per_s = per_s;
  run.server_anon_bytes = bytes;
  return run;
}

RunResult paced(double mean_us, double p95_us) {
  RunResult run;
  run.latency.mean_us = mean_us;
  run.curve = {{0.5, 1}, {0.94375, 2}, {0.95, p95_us}, {0.9625, 9e9}, {1, 9e9}};
  return run;
}

ScenarioResult measured(double per_s, double mean_us, double p95_us) {
  ScenarioResult result;
  add(result, kRingcast, "SSE flat out", flat_out(per_s, 10e6));
  add(result, kRingcast, "SSE paced", paced(mean_us, p95_us));
  return result;
}

const TransportRow& sse(const std::vector<TransportRow>& rows) { return rows.at(1); }

TEST(RingloadTransportTable, HoldsAtAHundredTimesAndAHundredth) {
  EXPECT_TRUE(sse(transport_rows(measured(180'000, 820, 1450))).holds());
  EXPECT_FALSE(sse(transport_rows(measured(179'000, 820, 1450))).holds());
  EXPECT_FALSE(sse(transport_rows(measured(180'000, 821, 1450))).holds());
  EXPECT_FALSE(sse(transport_rows(measured(180'000, 820, 1451))).holds());
  EXPECT_FALSE(transport_rows(measured(1e9, 1, 1)).front().holds());  // WebSocket: not measured
}

TEST(RingloadTransportTable, TakesMedians) {
  ScenarioResult result = measured(100, 10, 20);
  add(result, kRingcast, "SSE flat out", flat_out(300, 30e6));
  add(result, kRingcast, "SSE flat out", flat_out(200, 20e6));
  add(result, kRingcast, "SSE paced", paced(30, 40));
  const auto rows = transport_rows(result);
  EXPECT_EQ(sse(rows).ringcast.per_s, 200);
  EXPECT_EQ(sse(rows).ringcast.bytes, 20e6);
  EXPECT_EQ(sse(rows).ringcast.mean_us, 20);
  EXPECT_EQ(sse(rows).ringcast.p95_us, 30);
}

TEST(RingloadTransportTable, CallsOfMcpAreThoseOfTheTool) {
  ScenarioResult result;
  add(result, kRingcast, "MCP flat out", flat_out(1, 1));
  add(result, kRingcastTool, "MCP flat out", flat_out(5000, 1));
  EXPECT_EQ(transport_rows(result).at(2).ringcast.per_s, 5000);
}

TEST(RingloadTransportTable, ShowsRatiosAndWhatIsMissing) {
  ScenarioResult result = measured(360'000, 410, 725);
  const std::string alone = to_text(transport_rows(result));
  EXPECT_EQ(alone.find("reference"), std::string::npos);
  EXPECT_NE(alone.find("200 x"), std::string::npos) << alone;
  EXPECT_NE(alone.find("-"), std::string::npos) << alone;
  add(result, kReference, "SSE flat out", flat_out(90'000, 50e6));
  add(result, kReference, "SSE paced", paced(1025, 7250));
  const std::string beside = to_text(transport_rows(result));
  EXPECT_NE(beside.find("2.50 x"), std::string::npos) << beside;
  EXPECT_NE(beside.find("4.00 x"), std::string::npos) << beside;
  EXPECT_NE(beside.find("10 x"), std::string::npos) << beside;
}

}  // namespace
}  // namespace ringcast::load
