#include "core/event_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace ringcast {
namespace {

const EventIds kIds("e", 1);

std::string written(std::string_view type, std::string_view data) {
  const NewEvent event{.type = type, .data = data, .key = {}};
  std::string out(event_bytes(event), '\0');
  const char* const end = write_event(out.data(), event, 7, kIds);
  EXPECT_LE(end, out.data() + out.size()) << "event_bytes is no upper bound";
  out.resize(static_cast<std::size_t>(end - out.data()));
  return out;
}

// What a client makes of a block, by the letter of the standard, §9.2.6.
struct Read {
  std::string id;
  std::string type = "message";
  std::string data;
  int blocks = 0;
};

Read read_back(std::string_view text) {
  Read read;
  std::string data;
  while (!text.empty()) {
    const std::size_t end = text.find_first_of("\r\n");
    EXPECT_NE(end, std::string_view::npos);
    if (end == std::string_view::npos) return read;
    EXPECT_EQ(text[end], '\n') << "a line ends with LF only";
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty()) {
      ++read.blocks;
      if (!data.empty()) data.pop_back();
      read.data = data;
      continue;
    }
    const std::size_t colon = line.find(": ");
    const std::string_view value = line.substr(colon + 2);
    if (line.starts_with("id: ")) read.id = value;
    if (line.starts_with("event: ")) read.type = value;
    if (line.starts_with("data: ")) data.append(value).push_back('\n');
  }
  return read;
}

// CR, LF and CRLF are all one line end.
std::string normalised(std::string_view data) {
  std::string out;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] == '\r') {
      if (i + 1 < data.size() && data[i + 1] == '\n') ++i;
      out.push_back('\n');
    } else {
      out.push_back(data[i]);
    }
  }
  return out;
}

TEST(EventStream, WireForm) {
  EXPECT_EQ(written("tick", "a"), "id: e-7\nevent: tick\ndata: a\n\n");
  EXPECT_EQ(written("", "a"), "id: e-7\ndata: a\n\n");
  EXPECT_EQ(written("", ""), "id: e-7\ndata: \n\n");
  EXPECT_EQ(written("t", ": x"), "id: e-7\nevent: t\ndata: : x\n\n");
  EXPECT_EQ(written("", "a\nb"), "id: e-7\ndata: a\ndata: b\n\n");
  EXPECT_EQ(written("", "\n"), "id: e-7\ndata: \ndata: \n\n");
}

TEST(EventStream, LineEndsAtEveryPlace) {
  for (const std::string_view end : {"\n", "\r", "\r\n", "\n\n", "\r\r", "\n\r", "\r\n\r\n"}) {
    const std::string text = "one two";
    for (std::size_t at = 0; at <= text.size(); ++at) {
      std::string data = text;
      data.insert(at, end);
      const Read read = read_back(written("", data));
      EXPECT_EQ(read.blocks, 1);
      EXPECT_EQ(read.data, normalised(data)) << testing::PrintToString(data);
    }
  }
}

TEST(EventStream, RandomEventsComeBackAndFitTheirBound) {
  std::mt19937 random(2);
  constexpr std::string_view kAlphabet = "\r\n:ab \xc3\xa4";
  for (int round = 0; round < 20'000; ++round) {
    std::string data;
    for (std::size_t n = random() % 24; n > 0; --n) data += kAlphabet[random() % 6];
    const std::string type = random() % 2 == 0 ? "" : std::string(1 + random() % 5, 't');
    const Read read = read_back(written(type, data));
    ASSERT_EQ(read.blocks, 1);
    ASSERT_EQ(read.data, normalised(data));
    ASSERT_EQ(read.type, type.empty() ? "message" : type);
    ASSERT_EQ(read.id, "e-7");
  }
}

TEST(EventStream, BoundHoldsWhenThereAreOnlyLineEnds) {
  for (const std::string_view end : {"\n", "\r", "\r\n", "\n\r"}) {
    std::string data;
    for (int i = 0; i < 500; ++i) data += end;
    EXPECT_EQ(read_back(written("", data)).data, normalised(data));
  }
}

TEST(EventStream, DataOfNoBytesMayBeNowhere) {
  const NewEvent event{.type = "t", .data = std::string_view(), .key = {}};
  std::string out(event_bytes(event), '\0');
  const char* const end = write_event(out.data(), event, 7, EventIds("e", 1));
  EXPECT_EQ(std::string_view(out.data(), end), "id: e-7\nevent: t\ndata: \n\n");
}

TEST(EventStream, BoundHoldsForTheLongestIds) {
  const EventIds ids("0123456789abcdef", 1);
  const NewEvent event{.type = "t", .data = "", .key = {}};
  std::string out(event_bytes(event), '\0');
  EXPECT_LE(write_event(out.data(), event, 9'999'999'999'999'999'999U, ids),
            out.data() + out.size());
}

TEST(EventStream, WrittenType) {
  EXPECT_EQ(written_type(written("tick", "event: no")), "tick");
  EXPECT_EQ(written_type(written("", "event: no")), "");
  EXPECT_EQ(written_type(written("", "x\nevent: no")), "");
  EXPECT_EQ(written_type(""), "");
}

TEST(EventStream, EventTypes) {
  EXPECT_TRUE(is_event_type(""));
  EXPECT_TRUE(is_event_type("any thing: \xc3\xa4"));
  EXPECT_TRUE(is_event_type(std::string(128, 'x')));
  EXPECT_FALSE(is_event_type(std::string(129, 'x')));
  EXPECT_FALSE(is_event_type("a\nb"));
  EXPECT_FALSE(is_event_type("a\r"));
  EXPECT_FALSE(is_event_type(std::string_view("a\0b", 3)));
}

std::string json(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(EventStream, JsonEscapes) {
  EXPECT_EQ(json(""), R"("")");
  EXPECT_EQ(json("a\"b\\c/"), R"("a\"b\\c/")");
  EXPECT_EQ(json("\n\r\t\x01\x1f"), R"("\u000a\u000d\u0009\u0001\u001f")");
  EXPECT_EQ(json(std::string_view("\0", 1)), R"("\u0000")");
  EXPECT_EQ(json("\x7f"), "\"\x7f\"");
  EXPECT_EQ(json("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80\"");
}

TEST(EventStream, InvalidUtf8BecomesReplacementCharacters) {
  EXPECT_EQ(json("a\xff"), R"("a\ufffd")");
  EXPECT_EQ(json("\x80z"), R"("\ufffdz")");
  EXPECT_EQ(json("\xc3"), R"("\ufffd")");                      // cut off
  EXPECT_EQ(json("\xc3z"), R"("\ufffdz")");                    // not continued
  EXPECT_EQ(json("\xc0\xaf"), R"("\ufffd\ufffd")");            // overlong
  EXPECT_EQ(json("\xe0\x9f\xbf"), R"("\ufffd\ufffd\ufffd")");  // overlong
  EXPECT_EQ(json("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")");  // a surrogate
  EXPECT_EQ(json("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(json("\xf5\x80\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(json("\xe2\x82"), R"("\ufffd\ufffd")");
}

std::string gap_text(GapReason reason, std::string_view requested, std::uint64_t earliest) {
  std::string out;
  append_gap(out, {reason, requested, "jobs.1", earliest}, "e-3", kIds);
  return out;
}

TEST(EventStream, Gaps) {
  EXPECT_EQ(gap_text(GapReason::evicted, "e-1", 9),
            "id: e-3\nevent: gap\ndata: "
            R"({"requested":"e-1","earliest":"e-9","reason":"evicted","topic":"jobs.1"})"
            "\n\n");
  EXPECT_EQ(gap_text(GapReason::malformed, "\r\n\"\xff", 0),
            "id: e-3\nevent: gap\ndata: "
            R"({"requested":"\u000d\u000a\"\ufffd","earliest":null,"reason":"malformed",)"
            R"("topic":"jobs.1"})"
            "\n\n");
  for (const auto& [reason, name] :
       std::vector<std::pair<GapReason, std::string>>{{GapReason::epoch, "epoch"},
                                                      {GapReason::unknown, "unknown"},
                                                      {GapReason::lagged, "lagged"}}) {
    EXPECT_NE(gap_text(reason, "x", 0).find("\"reason\":\"" + name + "\""), std::string::npos);
  }
}

TEST(EventStream, HeartbeatIsAComment) {
  EXPECT_TRUE(kHeartbeat.starts_with(':'));
  EXPECT_TRUE(kHeartbeat.ends_with("\n\n"));
}

}  // namespace
}  // namespace ringcast
