#include "protocol/batch_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ringcast {
namespace {

// Events as "topic|type|data|id"; an error as its code and message.
std::vector<std::string> parse(std::string body, const Limits& limits = {}) {
  static BatchParser parser;
  const std::size_t size = body.size();
  body.resize(size + 64);
  const auto events = parser.parse(std::string_view(body).substr(0, size), limits);
  if (!events) return {std::string(events.error().code) + ": " + events.error().message};
  std::vector<std::string> out;
  for (const BatchEvent& each : *events) {
    out.push_back(std::string(each.topic) + '|' + std::string(each.event.type) + '|' +
                  std::string(each.event.data) + '|' + std::string(each.event.key));
  }
  return out;
}

using Events = std::vector<std::string>;

TEST(BatchParser, LinesAndArraysMeanTheSame) {
  const Events expected = {"a|t|x|i", "b||y|"};
  EXPECT_EQ(parse(R"({"topic":"a","event":"t","data":"x","id":"i"})"
                  "\n"
                  R"({"data":"y","topic":"b"})"),
            expected);
  EXPECT_EQ(parse(R"( [{"topic":"a","event":"t","data":"x","id":"i"},{"data":"y","topic":"b"}] )"),
            expected);
}

TEST(BatchParser, BlankLinesAndLineEndsAreNoEvents) {
  EXPECT_EQ(parse(""), Events{});
  EXPECT_EQ(parse(" \r\n\t\n"), Events{});
  EXPECT_EQ(parse("[]"), Events{});
  EXPECT_EQ(parse("\r\n{\"topic\":\"a\",\"data\":\"x\"}\r\n\r\n"), Events{"a||x|"});
}

TEST(BatchParser, DataThatIsNoStringIsItsText) {
  for (const std::string text : {"1", "-2.50e3", "true", "null", "[1, {\"k\" : \"v\"}]", "{}"}) {
    EXPECT_EQ(parse("{\"topic\":\"a\",\"data\": " + text + " }"), Events{"a||" + text + "|"});
    EXPECT_EQ(parse("[{\"data\":" + text + " ,\"topic\":\"a\"}]"), Events{"a||" + text + "|"});
  }
}

TEST(BatchParser, StringsAreUnescaped) {
  EXPECT_EQ(parse(R"({"topic":"a","data":"\u00fc\ud83d\ude00\n\"\\"})"),
            Events{"a||\u00fc\U0001F600\n\"\\|"});
  EXPECT_EQ(parse(R"({"\u0074opic":"a","data":"x"})"), Events{"a||x|"});
}

TEST(BatchParser, ErrorsNameTheEvent) {
  const std::string good = "{\"topic\":\"a\",\"data\":1}\n";
  const auto begins = [&](const std::string& line, const std::string& error) {
    const Events outcome = parse(good + line);
    ASSERT_EQ(outcome.size(), 1U) << line;
    EXPECT_TRUE(outcome.front().starts_with(error)) << line << " gives " << outcome.front();
  };
  begins("{\"topic\":\"a\",\"data\":tru}", "bad_json: Event 2: ");
  begins("{\"topic\":\"a\"", "bad_json: Event 2: ");
  begins("{\"topic\":\"a\",\"data\":1} {}", "bad_json: Event 2: ");
  begins("17", "bad_event: Event 2: must be an object.");
  begins("{\"data\":1}", "bad_event: Event 2: `topic` is missing.");
  begins("{\"topic\":\"a\"}", "bad_event: Event 2: `data` is missing.");
  begins("{\"topic\":\"a\",\"data\":1,\"data\":2}", "bad_event: Event 2: `data` twice.");
  begins("{\"topic\":\"a\",\"data\":1,\"tipe\":2}", "bad_event: Event 2: `tipe` is none of");
  begins("{\"topic\":7,\"data\":1}", "bad_event: Event 2: `topic` must be a string.");
  begins("{\"topic\":\"a*\",\"data\":1}", "bad_event: Event 2: the topic must be");
  begins(R"({"topic":"a","data":1,"event":"x\n"})", "bad_event: Event 2: the event type must be");
}

TEST(BatchParser, LimitsOfBytesAndEvents) {
  Limits limits;
  limits.max_event_bytes = 3;
  limits.max_batch_events = 2;
  const std::string line = "{\"topic\":\"a\",\"data\":\"abc\"}\n";
  EXPECT_EQ(parse(line + line, limits).size(), 2U);
  EXPECT_TRUE(parse(line + line + line, limits).front().starts_with("too_many_events"));
  EXPECT_TRUE(parse("{\"topic\":\"a\",\"data\":\"abcd\"}", limits)
                  .front()
                  .starts_with("event_too_large: Event 1"));
}

}  // namespace
}  // namespace ringcast
