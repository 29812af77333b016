#include "protocol/log.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <regex>
#include <string>
#include <thread>
#include <vector>

namespace ringcast {
namespace {

class LogTest : public testing::Test {
 protected:
  LogTest() {
    log_redirect([this](std::string_view line) { lines_.emplace_back(line); });
    log_configure({});
  }
  ~LogTest() override {
    log_flush_repeats(true);
    log_redirect({});
    log_configure({});
  }

  // The last line without its time.
  std::string last() const {
    static const std::regex time(R"("time":"[^"]*",)");
    return lines_.empty() ? "" : std::regex_replace(lines_.back(), time, "");
  }

  std::vector<std::string> lines_;
};

TEST_F(LogTest, OneJsonObjectPerLine) {
  const std::string text = "x";
  log_info("hello", {{"text", text},
                     {"literal", "y"},
                     {"negative", -1},
                     {"large", ~uint64_t{0}},
                     {"real", 0.5},
                     {"flag", true},
                     {"nan", std::nan("")}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(last(), R"({"level":"info","msg":"hello","text":"x","literal":"y","negative":-1,)"
                    R"("large":18446744073709551615,"real":0.5,"flag":true,"nan":null})");
  EXPECT_TRUE(std::regex_search(
      lines_[0],
      std::regex(R"(^\{"time":"20\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-6]\d\.\d{3}Z",)")))
      << lines_[0];
}

TEST_F(LogTest, EscapesAndKeepsUtf8Valid) {
  log_warn("a\"b\\c\n\t\x01", {{"v", "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80"}});
  EXPECT_EQ(last(),
            "{\"level\":\"warn\",\"msg\":\"a\\\"b\\\\c\\n\\t\\u0001\","
            "\"v\":\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"}");
  // Overlong, surrogate, beyond the last code point, cut off, stray continuation.
  for (const std::string& bad :
       {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"}) {
    log_info("bad", {{"v", bad}});
    std::string expected;
    for (size_t i = 0; i < bad.size(); ++i) expected += "\xef\xbf\xbd";
    EXPECT_EQ(last(), R"({"level":"info","msg":"bad","v":")" + expected + "\"}");
  }
}

TEST_F(LogTest, LevelsSwitchAtRunTime) {
  log_debug("no");
  EXPECT_TRUE(lines_.empty());
  log_configure({.level = LogLevel::kDebug});
  log_debug("yes");
  EXPECT_EQ(last(), R"({"level":"debug","msg":"yes"})");
  log_configure({.level = LogLevel::kError});
  log_warn("no");
  EXPECT_EQ(lines_.size(), 1u);
  EXPECT_TRUE(log_enabled(LogLevel::kError));
  log_configure({.level = LogLevel::kOff});
  log_error("no");
  EXPECT_FALSE(log_enabled(LogLevel::kOff));
  EXPECT_EQ(lines_.size(), 1u);
}

TEST_F(LogTest, TextForTerminals) {
  log_configure({.format = LogFormat::kText});
  log_info("started", {{"port", 8080}, {"note", "two words"}, {"name", "plain"}, {"none", ""}});
  ASSERT_EQ(lines_.size(), 1u);
  EXPECT_EQ(lines_[0].substr(25), R"(info  started port=8080 note="two words" name=plain none="")");
}

TEST_F(LogTest, NeverASecret) {
  for (const auto* key : {"token", "Authorization", "password", "key", "api_key", "X-Access-Token",
                          "cookie", "client_secret", "query"}) {
    log_info("m", {{key, "hunter2"}});
    EXPECT_EQ(last().find("hunter2"), std::string::npos) << last();
    log_info("m", {{key, 4711}});
    EXPECT_EQ(last().find("4711"), std::string::npos) << last();
  }
  log_info("GET /events?token=hunter2 HTTP/1.1", {{"url", "http://h/x?a=b&token=hunter2"}});
  EXPECT_EQ(last(), R"({"level":"info","msg":"GET /events?[redacted] HTTP/1.1",)"
                    R"("url":"http://h/x?[redacted]"})");
  for (const char* path :
       {"/events%3Ftopic=a&token=hunter2", "/api/events/a&token=hunter2", "/a%3ftoken%3Dhunter2",
        "/a%3Fb=c%26API-Key=hunter2", "/token=hunter2"}) {
    log_info(path, {{"path", path}});
    EXPECT_EQ(last().find("hunter2"), std::string::npos) << last();
    EXPECT_TRUE(last().contains("[redacted]")) << last();
  }
  log_info("kept", {{"path", "/api/events/a=b&c=d%3De"}});
  EXPECT_TRUE(last().contains("/api/events/a=b&c=d%3De")) << last();
  log_info("header", {{"header", "Bearer hunter2, more"}});
  EXPECT_EQ(last(), R"({"level":"info","msg":"header","header":"Bearer [redacted] more"})");
  log_info("what now? nothing", {{"monkey", "banana"}, {"v", "Bearer "}});
  EXPECT_EQ(last(),
            R"({"level":"info","msg":"what now? nothing","monkey":"banana","v":"Bearer "})");
}

TEST_F(LogTest, FloodsAreCountedAndToldLater) {
  log_configure({.max_repeats_per_s = 3});
  for (int i = 0; i < 10; ++i) log_warn("flood", {{"i", i}});
  log_info("other");
  EXPECT_EQ(lines_.size(), 4u);
  log_flush_repeats(true);
  EXPECT_EQ(last(), R"({"level":"warn","msg":"flood","suppressed":7})");
  log_flush_repeats(true);
  EXPECT_EQ(lines_.size(), 5u);
}

TEST_F(LogTest, ASecondLaterTheMessageIsWrittenAgain) {
  log_configure({.max_repeats_per_s = 1});
  log_warn("again");
  log_warn("again");
  std::this_thread::sleep_for(std::chrono::milliseconds(1050));
  log_warn("again");
  ASSERT_EQ(lines_.size(), 3u);
  EXPECT_NE(lines_[1].find(R"("suppressed":1)"), std::string::npos);
}

TEST_F(LogTest, ManyDifferentMessagesAreAllWritten) {
  log_configure({.max_repeats_per_s = 1});
  for (int i = 0; i < 500; ++i) log_info("message " + std::to_string(i));
  EXPECT_EQ(lines_.size(), 500u);
}

TEST_F(LogTest, ThreadsDoNotMixLines) {
  log_configure({.max_repeats_per_s = 0});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) log_info("same", {{"i", i}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(lines_.size(), 800u);
  for (const std::string& line : lines_) EXPECT_TRUE(line.starts_with("{") && line.ends_with("}"));
}

}  // namespace
}  // namespace ringcast
