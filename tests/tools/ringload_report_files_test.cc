// What `ringload report` makes of measurements: a table, CSV, HTML.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "tests/tools/ringload_results.h"
#include "tools/ringload/figure.h"
#include "tools/ringload/plot_axis.h"
#include "tools/ringload/report_csv.h"
#include "tools/ringload/report_html.h"
#include "tools/ringload/report_table.h"

namespace ringcast::load {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(RingloadFigure, TakesTheMedianOfTheRuns) {
  const auto spread = spread_of(made_up("a", {300, 100, 200}), figure("deliveries_per_s"));
  ASSERT_TRUE(spread);
  EXPECT_EQ(spread->median, 200);
  EXPECT_EQ(spread->min, 100);
  EXPECT_EQ(spread->max, 300);
  EXPECT_EQ(spread_of(made_up("a", {1, 2}), figure("deliveries_per_s"))->median, 1.5);
  Measurement idle = made_up("a", {0});
  idle.runs[0].mode = "idle";
  EXPECT_FALSE(spread_of(idle, figure("deliveries_per_s")));
  EXPECT_FALSE(spread_of(idle, figure("client_cpu_share")));
}

TEST(RingloadReportTable, StandsSideBySide) {
  const auto lines = lines_of(
      table_of({made_up("first", {1'000'000, 1'200'000, 1'100'000}), made_up("2nd", {50})}, 100));
  EXPECT_EQ(lines[0], "                                                first       2nd");
  EXPECT_EQ(lines[1], "runs                                                3         1");
  EXPECT_EQ(lines[2], "deliveries/s         1,100,000 (1,000,000..1,200,000)        50");
  const std::string lost = "lost" + std::string(48, ' ') + "0         0";
  EXPECT_NE(std::ranges::find(lines, lost), lines.end());
}

TEST(RingloadReportTable, BreaksWhereTheTerminalEnds) {
  const std::string text = table_of({made_up("first", {1}), made_up("second", {1})}, 35);
  EXPECT_EQ(lines_of(text)[0], "                        first");
  EXPECT_TRUE(contains(text, "\n\n                       second\n")) << text;
}

TEST(RingloadReportTable, ShowsWarningsAndNothingATerminalObeys) {
  Measurement measurement = made_up("evil\x1b[2J\xc2\x9b", {1, 1});
  measurement.runs[0].warnings = measurement.runs[1].warnings = {"busy\n"};
  measurement.runs[1].altered = 1;
  const std::string text = table_of({measurement}, 100);
  EXPECT_TRUE(contains(text,
                       "warning: evil\xef\xbf\xbd[2J\xef\xbf\xbd: busy\xef\xbf\xbd "
                       "(2 of 2 runs)\n"));
  EXPECT_TRUE(contains(text, "\naltered "));
}

TEST(RingloadReportCsv, HasALineForEachRun) {
  Measurement measurement = made_up("a \"b\", c", {1'500'000.5, 2});
  const auto lines = lines_of(csv_of({measurement, made_up("d", {1})}));
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_TRUE(lines[0].starts_with(
      "measurement,run,file,started_at,ringload,target,transport,kind,mode,subscribers,publishers,"
      "topics,size_bytes,rate_per_s,window_events,measured_s,published_events,delivered_events,"
      "deliveries_per_s,events_per_s,p50_us,p90_us,p99_us,p999_us,max_us,"))
      << lines[0];
  // What came later stands behind what was there.
  EXPECT_TRUE(contains(lines[0], ",command,p95_us,server_context_switches_per_s,")) << lines[0];
  EXPECT_TRUE(lines[1].starts_with("\"a \"\"b\"\", c\",1,run.json,2026-11-22T15:40:06Z,,ringcast,"))
      << lines[1];
  EXPECT_TRUE(contains(lines[1], ",1500000.5,"));
  EXPECT_TRUE(lines[2].starts_with("\"a \"\"b\"\", c\",2,"));
  EXPECT_TRUE(lines[3].starts_with("d,1,"));
  const auto columns = [](const std::string& line) { return std::ranges::count(line, ','); };
  EXPECT_EQ(columns(lines[3]), columns(lines[0]));
}

TEST(RingloadReportHtml, TakesNothingAsMarkup) {
  Measurement evil = made_up("<script>alert(1)</script>", {1000, 2000});
  evil.runs[0].warnings = {"</ul><img src=x onerror=\"x\">"};
  evil.runs[0].environment.cpu_model = "<b>'\"&";
  const std::string page = html_of({evil}, "</title><script>");
  for (const char* part : {"<script", "<img", "<b>'", "</title><s"}) {
    EXPECT_FALSE(contains(page, part)) << part;
  }
  EXPECT_TRUE(contains(page, "&lt;img src=x onerror=&quot;x&quot;&gt;"));
  EXPECT_TRUE(contains(page, "<pre>ringload sse --topic-prefix &#39;it&#39;\\&#39;&#39;s&#39;"));
}

TEST(RingloadReportHtml, ShowsWhatThereIs) {
  Measurement idle = made_up("idle", {0});
  RunResult& run = idle.runs[0];
  run.mode = "idle";
  run.latency = {};
  run.curve.clear();
  run.intervals.clear();
  run.server_ns_per_delivery.reset();
  run.server_bytes_per_subscriber = 4000;
  run.lost = 2;
  const std::string page = html_of({idle}, "Idle");
  EXPECT_FALSE(contains(page, "Latency by percentile"));
  EXPECT_TRUE(contains(page, "Memory per subscriber"));
  EXPECT_TRUE(contains(page, "✗ 2 lost"));
  EXPECT_TRUE(contains(html_of({made_up("a", {1})}, "A"), "Latency by percentile"));
}

TEST(RingloadPlotAxis, SuitsItsValues) {
  PlotRange range;
  for (const double us : {0.0, 900.0, 1800.0}) range.add(us);
  PlotAxis axis = latency_axis("latency", range);
  EXPECT_EQ(axis.label, "latency (ms)");
  EXPECT_EQ(axis.to, 2000);
  EXPECT_DOUBLE_EQ(axis.place(1000), 0.5);
  EXPECT_EQ(axis.ticks.back().text, "2");
  range.add(2e6);
  axis = latency_axis("latency", range);
  EXPECT_EQ(axis.label, "latency (µs to s, log scale)");
  EXPECT_DOUBLE_EQ(axis.from, 500);
  EXPECT_DOUBLE_EQ(axis.to, 2e6);
  EXPECT_EQ(axis.ticks.front().text, "500 µs");
  EXPECT_EQ(axis.ticks.back().text, "2 s");
  EXPECT_EQ(axis.place(1), 0);
  axis = percentile_axis(5000);
  EXPECT_EQ(axis.ticks.back().text, "99.9");
  EXPECT_EQ(short_number(1'250'000), "1.25M");
  EXPECT_EQ(short_number(20'000), "20k");
}

TEST(RingloadPlotAxis, BearsAnyRange) {
  for (const double value : {0.0, 5e-324, 1e-300, 1e-3, 1.0, 1e18, HUGE_VAL}) {
    PlotRange range;
    range.add(value);
    range.add(1);
    EXPECT_LT(latency_axis("latency", range).ticks.size(), 300U) << value;
    EXPECT_LT(amount_axis("amount", range).ticks.size(), 20U) << value;
    EXPECT_LT(time_axis(range.most).ticks.size(), 20U) << value;
    EXPECT_LT(percentile_axis(range.most).ticks.size(), 30U) << value;
  }
}

}  // namespace
}  // namespace ringcast::load
