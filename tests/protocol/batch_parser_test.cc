#include "protocol/batch_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ringcast {
namespace {

// Events as "topic|type|data|id"; an error as its code and message. A slice has so many bytes.
std::vector<std::string> parse_slices(std::string body, const Limits& limits, std::size_t slice) {
  static EventReader reader;
  const std::size_t size = body.size();
  body.resize(size + 64, ']');
  BatchParser parser(reader);
  parser.begin(std::string_view(body).substr(0, size), limits);
  auto read = parser.read_on(slice);
  while (read && *read == BatchParser::Progress::more) read = parser.read_on(slice);
  if (!read) return {std::string(read.error().code) + ": " + read.error().message};
  std::vector<std::string> out;
  for (const BatchEvent& each : parser.events()) {
    out.push_back(std::string(each.topic) + '|' + std::string(each.event.type) + '|' +
                  std::string(each.event.data) + '|' + std::string(each.event.key));
  }
  return out;
}

// However it is cut into slices, it is the same.
std::vector<std::string> parse(const std::string& body, const Limits& limits = {}) {
  auto whole = parse_slices(body, limits, body.size() + 1);
  for (const std::size_t slice : {1, 2, 5, 63, 64, 100}) {
    EXPECT_EQ(parse_slices(body, limits, slice), whole) << body.substr(0, 200);
  }
  return whole;
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

// The first code that comes with the event, as the message names it.
void expect_error(const std::string& body, const std::string& error, const Limits& limits = {}) {
  const Events outcome = parse(body, limits);
  ASSERT_EQ(outcome.size(), 1U) << body.substr(0, 200);
  EXPECT_TRUE(outcome.front().starts_with(error))
      << body.substr(0, 200) << " gives " << outcome.front();
}

const std::string kGood = R"({"topic":"a","data":1})";

TEST(BatchParser, ArraysThatAreNone) {
  for (const std::string blank : {"", " ", "\r\n\t"}) {
    const auto error = [&](const std::string& body, const std::string& what) {
      expect_error(blank + body + blank, what);
    };
    EXPECT_EQ(parse(blank + "[" + blank + "]" + blank), Events{});
    EXPECT_EQ(parse(blank + "[" + blank + kGood + blank + "]" + blank), Events{"a||1|"});
    error("[" + blank, "bad_json: Event 1: ");
    error("[" + blank + ",]", "bad_json: Event 1: ");
    error("[" + blank + "}", "bad_json: Event 1: ");
    error("[1 2]", "bad_json: Event 1: ");
    error("[hello]", "bad_json: Event 1: ");
    error("[" + kGood + blank, "bad_json: Event 2: ");
    error("[" + kGood + blank + ",", "bad_json: Event 2: ");
    error("[" + kGood + blank + ",]", "bad_json: Event 2: ");
    error("[" + kGood + ",," + kGood + "]", "bad_json: Event 2: ");
    error("[" + kGood + blank + kGood + "]", "bad_json: Event 2: ");
    error("[" + kGood + blank + "}", "bad_json: Event 2: ");
    error("[" + kGood + "]" + blank + "]", "bad_json: Event 2: ");
    error("[" + kGood + "]" + blank + kGood, "bad_json: Event 2: ");
    error("[" + kGood + "]\f", "bad_json: Event 2: ");
    error("[" + kGood + "," + kGood.substr(0, 15) + "]", "bad_json: Event 2: ");
    error("[" + kGood + ",7]", "bad_event: Event 2: must be an object.");
    error("[" + kGood + ",[" + kGood + "]]", "bad_event: Event 2: must be an object.");
    error("[" + kGood + R"(,{"topic":"a","data":"\ud800"}])", "bad_json: Event 2: ");
    error("[" + kGood + ",{\"topic\":\"a\",\"data\":\"\n\"}]", "bad_json: Event 2: ");
  }
  expect_error("\xEF\xBB\xBF[" + kGood + "]", "bad_json: Event 1: ");
  expect_error("\xEF\xBB\xBF" + kGood, "bad_json: Event 1: ");
  expect_error(kGood + "[]", "bad_json: Event 1: ");
}

TEST(BatchParser, TextThatIsNotUtf8) {
  for (const std::string bad : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xe2\x82"}) {
    const std::string event = "{\"topic\":\"a\",\"data\":\"" + bad + "\"}";
    expect_error(kGood + "\n" + event, "bad_utf8");
    expect_error("[" + kGood + "," + event + "]", "bad_utf8");
    expect_error(kGood + "\n" + bad, "bad_utf8");
    expect_error(bad, "bad_utf8");
    // Between slices, half a character is no JSON there either.
    const std::string behind = "[" + kGood + "]" + bad;
    EXPECT_TRUE(parse_slices(behind, {}, 4096).front().starts_with("bad_utf8"));
    EXPECT_TRUE(parse_slices(behind, {}, 1).front().starts_with("bad_"));
  }
}

TEST(BatchParser, AnElementNestsAsDeepAsALine) {
  for (std::size_t depth = 1018; depth < 1030; ++depth) {
    for (const std::string inner : {"", "1"}) {
      const std::string event = R"({"topic":"a","data":)" + std::string(depth, '[') + inner +
                                std::string(depth, ']') + "}";
      const Events line = parse_slices(event, {}, 4096);
      const Events element = parse_slices("[" + event + "]", {}, 4096);
      EXPECT_EQ(line.front().substr(0, 8), element.front().substr(0, 8)) << depth << inner;
    }
  }
  expect_error("[" + std::string(3000, '['), "bad_json: Event 1: ");
}

TEST(BatchParser, LimitsAreNoticedBeforeReadingOn) {
  Limits limits;
  limits.max_batch_events = 2;
  EXPECT_EQ(parse(kGood + "\n" + kGood + "\n \n", limits).size(), 2U);
  EXPECT_EQ(parse("[" + kGood + "," + kGood + " ] ", limits).size(), 2U);
  expect_error(kGood + "\n" + kGood + "\n7\n", "too_many_events", limits);
  expect_error("[" + kGood + "," + kGood + ",7]", "too_many_events", limits);
  // What is longer than any event is not read, nor awaited.
  limits.max_event_bytes = 1000;
  const std::string text(80'000, 'x');
  for (const std::string begin : {"", "["}) {
    const std::string body = begin + R"({"topic":"a","data":")" + text;
    EXPECT_TRUE(parse_slices(body, limits, 4096).front().starts_with("event_too_large: Event 1"));
  }
  std::string escapes;
  for (unsigned n = 0; n < limits.max_event_bytes; ++n) escapes += "\\u0041";
  EXPECT_EQ(parse_slices(R"([{"topic":"a","data":")" + escapes + "\"}]", limits, 4096).size(), 1U);
}

TEST(BatchParser, OthersMayReadInBetween) {
  EventReader reader;
  std::string bodies[] = {"[" + kGood + R"(,{"topic":"b","data":"\u0062"}])",
                          R"({"topic":"c","data":"\u0063"})"
                          "\n" +
                              kGood};
  std::vector<BatchParser> parsers(2, BatchParser(reader));
  for (unsigned n = 0; n < 2; ++n) {
    bodies[n].append(64, ' ');
    parsers[n].begin(std::string_view(bodies[n]).substr(0, bodies[n].size() - 64), {});
  }
  bool more = true;
  while (more) {
    more = false;
    for (BatchParser& each : parsers) {
      const auto read = each.read_on(3);
      ASSERT_TRUE(read);
      more = more || *read == BatchParser::Progress::more;
    }
  }
  ASSERT_EQ(parsers[0].events().size(), 2U);
  ASSERT_EQ(parsers[1].events().size(), 2U);
  EXPECT_EQ(parsers[0].events()[1].event.data, "b");
  EXPECT_EQ(parsers[1].events()[0].event.data, "c");
}

}  // namespace
}  // namespace ringcast
