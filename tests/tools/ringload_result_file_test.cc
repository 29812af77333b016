#include "tools/ringload/result_file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/tools/ringload_results.h"
#include "tools/ringload/report.h"

namespace ringcast::load {
namespace {

Report a_report() {
  Report report;
  report.started_at = "2026-11-22T15:40:06Z";
  report.environment.cpu_model = "A \"CPU\"";
  report.environment.cores = 2;
  report.environment.virtualised = true;
  report.seconds = 2;
  report.published = 2'000;
  report.delivered = 2'000'000;
  report.lost = 3;
  report.server_known = true;
  report.server_cpu_s = 0.4;
  report.latency = {.p50_us = 1250, .p99_us = 3800.5, .count = 2'000'000};
  report.curve = {{0, 10}, {0.5, 1250}, {1, 5000}};
  report.intervals = {{.at_s = 7,
                       .seconds = 1,
                       .published = 5,
                       .delivered = 50,
                       .latency = {},
                       .publish_latency = {}}};
  report.warnings = {"careful"};
  return report;
}

std::string a_run(const std::string& part = "", const std::string& other = "") {
  Options options;
  options.target.name = "server";
  options.command = {"ringload", "sse", "a\xff"};
  std::string text = to_json(options, a_report());
  if (!part.empty()) text.replace(text.find(part), part.size(), other);
  return text;
}

std::string complaint(std::string_view text) {
  const auto read = parse_results(text, "f.json");
  return read ? "" : read.error().message;
}

TEST(RingloadResultFile, ReadsWhatARunWrites) {
  const auto read = parse_results(a_run(), "f.json");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 1U);
  EXPECT_EQ(read->front().name, "server sse");
  const RunResult& run = read->front().runs.front();
  EXPECT_EQ(run.file, "f.json");
  EXPECT_EQ(run.ringload, RINGCAST_VERSION);
  EXPECT_EQ(run.started_at, "2026-11-22T15:40:06Z");
  EXPECT_EQ(run.command, (std::vector<std::string>{"ringload", "sse", "a\xef\xbf\xbd"}));
  EXPECT_EQ(run.environment, a_report().environment);
  EXPECT_EQ(run.window, 64);
  EXPECT_EQ(run.rate, std::nullopt);
  EXPECT_EQ(run.delivered, 2'000'000);
  EXPECT_EQ(run.lost, 3);
  EXPECT_EQ(run.latency.p99_us, 3800.5);
  EXPECT_EQ(run.publish_latency.p99_us, std::nullopt);
  EXPECT_EQ(run.server_ns_per_delivery, 200);
  ASSERT_EQ(run.curve.size(), 3U);
  EXPECT_EQ(run.curve[1].us, 1250);
  ASSERT_EQ(run.intervals.size(), 1U);
  EXPECT_EQ(run.intervals[0].delivered, 50);
  EXPECT_EQ(run.warnings, std::vector<std::string>{"careful"});
}

TEST(RingloadResultFile, ReadsListsOfMeasurements) {
  const auto read =
      parse_results(R"({"format":1,"measurements":[{"name":"a","runs":[)" + a_run() + "," +
                        a_run() + R"(]},{"name":"b","runs":[)" + a_run() + "]}]}",
                    "f.json");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ(read->at(0).runs.size(), 2U);
  EXPECT_EQ(read->at(1).name, "b");
}

TEST(RingloadResultFile, SaysWhatIsNoResult) {
  EXPECT_EQ(complaint(""), "f.json is empty.");
  EXPECT_EQ(complaint(" \n"), "f.json is empty.");
  EXPECT_EQ(complaint("hello"), "f.json is no JSON.");
  EXPECT_EQ(complaint("{\"a\":\"\xff\"}"), "f.json is no JSON: it is not UTF-8.");
  EXPECT_EQ(complaint("[]"), "f.json is no result of ringload: it is no object.");
  EXPECT_EQ(complaint("{}"), "f.json is no result of ringload: it has no `format`.");
  EXPECT_EQ(complaint(R"({"format":"1"})"),
            "f.json is no result of ringload: `format` is no number.");
  EXPECT_EQ(complaint(R"({"format":2})"),
            "f.json has format 2, and this ringload reads format 1 only.");
  EXPECT_EQ(complaint(R"({"format":1})"), "f.json is no result of ringload: `target` is missing.");
  EXPECT_EQ(complaint(R"({"format":1,"measurements":[]})"),
            "f.json is no result of ringload: `measurements` has none.");
  EXPECT_EQ(complaint(R"({"format":1,"measurements":[{"name":"a","runs":[]}]})"),
            "f.json is no result of ringload: `measurements[0].runs` has no run.");
}

TEST(RingloadResultFile, SaysWhereARunIsCutOff) {
  const std::string whole = a_run();
  for (std::size_t length = 1; length + 2 < whole.size(); ++length) {
    EXPECT_EQ(complaint(whole.substr(0, length)), "f.json is cut off before its end.") << length;
  }
}

TEST(RingloadResultFile, SaysWhichMemberIsWrong) {
  const auto wrong = [](const std::string& part, const std::string& other) {
    const std::string text = complaint(a_run(part, other));
    constexpr std::string_view kBefore = "f.json is no result of ringload: ";
    return text.starts_with(kBefore) ? text.substr(kBefore.size()) : text;
  };
  EXPECT_EQ(wrong(R"("target":"server")", R"("target":7)"), "`target` is no text.");
  EXPECT_EQ(wrong(R"("lost":3)", R"("lost":-3)"), "`lost` is negative.");
  EXPECT_EQ(wrong(R"("lost":3)", R"("lost":3e30)"), "`lost` is too large a number.");
  EXPECT_EQ(wrong(R"("p99":3800.500)", R"("p99":"x")"), "`latency_us.p99` is no number.");
  EXPECT_EQ(wrong(R"(["careful"])", R"([1])"), "`warnings` has something but texts.");
  EXPECT_EQ(wrong(R"(["careful"])", R"(1)"), "`warnings` is no list.");
  EXPECT_EQ(wrong(R"([0.5,1250.000])", R"([0.5])"),
            "`percentiles_us` has something but pairs of numbers.");
  EXPECT_EQ(wrong(R"([0.5,1250.000])", R"([1.5,1])"),
            "`percentiles_us` has something but rising shares with latencies.");
  EXPECT_EQ(wrong(R"("at_s":7.000000,"seconds":1)", R"("at_s":7,"seconds":-1)"),
            "`intervals[0].seconds` is negative.");
  EXPECT_EQ(wrong(R"("virtualised":true)", R"("virtualised":1)"),
            "`environment.virtualised` is neither true nor false.");
}

class RingloadResultFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "ringload_results_" + std::to_string(getpid()) + "/";
    std::filesystem::create_directories(folder_);
    for (const char* name : {"a.json", "b.json", "x=y.json"}) {
      std::ofstream(folder_ + name) << a_run();
    }
    const std::string list = R"({"name":"one","runs":[)" + a_run() + "]}";
    std::ofstream(folder_ + "list.json")
        << R"({"format":1,"measurements":[)" << list << "," << list << "]}";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::vector<std::string> names(const std::vector<std::string>& words) const {
    std::vector<std::string> names;
    const auto read = read_all_results(words);
    if (!read) return {read.error().message};
    for (const Measurement& each : *read) {
      names.push_back(fmt::format("{} {}", each.name, each.runs.size()));
    }
    return names;
  }

  std::string folder_;
};

TEST_F(RingloadResultFiles, GetTheirNames) {
  using Names = std::vector<std::string>;
  const std::string a = folder_ + "a.json";
  const std::string b = folder_ + "b.json";
  EXPECT_EQ(names({a, b}), (Names{"server sse 1", "server sse (" + b + ") 1"}));
  EXPECT_EQ(names({"x=" + a, "y=" + b}), (Names{"x 1", "y 1"}));
  EXPECT_EQ(names({"x=" + a, "y=" + b, "x=" + b}), (Names{"x 2", "y 1"}));
  EXPECT_EQ(names({folder_ + "x=y.json"}), (Names{"server sse 1"}));
  const std::string list = folder_ + "list.json";
  EXPECT_EQ(names({list}), (Names{"one 1", "one (" + list + ") 1"}));
  EXPECT_EQ(names({"x=" + list}), (Names{"x one 1", "x one (" + list + ") 1"}));
}

TEST_F(RingloadResultFiles, AreNamedWhenTheyCannotBeRead) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(names({"/nowhere/a.json"}),
            (Names{"Cannot read /nowhere/a.json: No such file or directory."}));
  EXPECT_EQ(names({"x=/nowhere/a.json"}),
            (Names{"Cannot read /nowhere/a.json: No such file or directory."}));
  EXPECT_EQ(names({folder_}), (Names{"Cannot read " + folder_ + ": it is a directory."}));
}

}  // namespace
}  // namespace ringcast::load
