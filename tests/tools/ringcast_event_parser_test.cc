#include "tools/ringcast/event_parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast {
namespace {

struct Seen {
  std::vector<std::string> events;  // id|type|topic|data
  std::string last_id;
  std::optional<std::int64_t> retry_ms;
  std::size_t open_bytes = 0;
  bool operator==(const Seen&) const = default;
};

void feed(EventParser& parser, std::string_view bytes, Seen& seen) {
  while (const StreamEvent* event = parser.next(bytes)) {
    seen.events.push_back(event->id + "|" + event->type + "|" + event->topic + "|" + event->data);
  }
}

Seen read(const std::vector<std::string_view>& pieces) {
  EventParser parser;
  Seen seen;
  for (const std::string_view piece : pieces) feed(parser, piece, seen);
  seen.last_id = parser.last_id();
  seen.retry_ms = parser.retry_ms();
  seen.open_bytes = parser.open_bytes();
  return seen;
}

std::vector<std::string> events(std::string_view text) { return read({text}).events; }

using Events = std::vector<std::string>;

TEST(EventParser, ReadsWhatTheServerWrites) {
  EXPECT_EQ(events("retry: 5000\n\nid: e-1\nevent: a\ndata: x\n\n:\n\nid: e-2\ndata: y\ndata: z\n\n"
                   "id: e-2-9\nevent: b\ntopic: t.1\ndata: {}\n\n"),
            (Events{"e-1|a||x", "e-2|message||y\nz", "e-2-9|b|t.1|{}"}));
}

// The examples of the standard and its fine print.
TEST(EventParser, FollowsTheStandard) {
  EXPECT_EQ(events("data: YHOO\ndata: +2\ndata: 10\n\n"), (Events{"|message||YHOO\n+2\n10"}));
  EXPECT_EQ(events(": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
                   "data:  third event\n\n"),
            (Events{"1|message||first event", "|message||second event", "|message|| third event"}));
  EXPECT_EQ(events("data\n\ndata\ndata\n\ndata:"), (Events{"|message||", "|message||\n"}));
  EXPECT_EQ(events("data:test\n\ndata: test\n\n"), (Events{"|message||test", "|message||test"}));
  EXPECT_EQ(events("\xef\xbb\xbf"
                   "data: bom\n\n\xef\xbb\xbf"
                   "data: none\n\n"),
            (Events{"|message||bom"}));
  EXPECT_EQ(events("event: a\n\ndata: x\n\n"), (Events{"|message||x"})) << "a type without data";
  EXPECT_EQ(events("id: 1\ndata: a\n\ndata: b\n\n"), (Events{"1|message||a", "1|message||b"}));
  EXPECT_EQ(events(std::string_view("id: 1\n\nid: a\0b\ndata: x\n\n", 24)),
            (Events{"1|message||x"}));
  EXPECT_EQ(events("unknown: 1\nDATA: 2\n data: 3\ndata : 4\n\n"), Events{});
  EXPECT_EQ(events("data: never ended\n"), Events{});
}

TEST(EventParser, TakesEveryLineEnd) {
  const Events wanted = {"1|a||x\ny", "1|message||z"};
  EXPECT_EQ(events("id: 1\nevent: a\ndata: x\ndata: y\n\ndata: z\n\n"), wanted);
  EXPECT_EQ(events("id: 1\r\nevent: a\r\ndata: x\r\ndata: y\r\n\r\ndata: z\r\n\r\n"), wanted);
  EXPECT_EQ(events("id: 1\revent: a\rdata: x\rdata: y\r\rdata: z\r\r"), wanted);
  EXPECT_EQ(events("id: 1\r\nevent: a\ndata: x\rdata: y\n\r\ndata: z\r\n\n"), wanted);
}

TEST(EventParser, RetryIsDigitsOnly) {
  EXPECT_EQ(read({"retry: 700\n"}).retry_ms, 700);
  EXPECT_EQ(read({"retry:0\n\n"}).retry_ms, 0);
  for (const char* bad : {"retry: 7s\n", "retry: -7\n", "retry\n", "retry: \n", "retry: 1 \n",
                          "retry: 99999999999999999999\n"}) {
    EXPECT_EQ(read({bad}).retry_ms, std::nullopt) << bad;
  }
}

TEST(EventParser, NoSplitMatters) {
  const std::string text =
      "\xef\xbb\xbfretry: 5000\r\n\r\nid: e-1\nevent: a\ndata: x\n\n:\n\nid: e-2\rdata: \xc3\xbc\r"
      "data: z\r\rid: e-3\r\ntopic: t\r\ndata\r\n\r\n\n\nid: e-4\n\ndata: x\n\ndata: cut\n";
  const Seen whole = read({text});
  EXPECT_EQ(whole.events.size(), 4U);
  EXPECT_EQ(whole.last_id, "e-4");
  EXPECT_EQ(whole.open_bytes, 10U);
  const std::string_view view = text;
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      const Seen split =
          read({view.substr(0, first), view.substr(first, second - first), view.substr(second)});
      ASSERT_EQ(split, whole) << first << " " << second;
    }
  }
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at < text.size(); ++at) bytes.push_back(view.substr(at, 1));
  EXPECT_EQ(read(bytes), whole);
}

TEST(EventParser, DropsWhatAConnectionLeftIncomplete) {
  EventParser parser;
  Seen seen;
  feed(parser, "id: 1\ndata: a\n\nid: 2\nevent: x\ndata: b\nda", seen);
  EXPECT_EQ(parser.last_id(), "1");
  parser.restart();
  feed(parser, "data: c\n\n", seen);
  EXPECT_EQ(seen.events, (Events{"1|message||a", "1|message||c"}));
}

TEST(EventParser, TellsWhatIsOpen) {
  EventParser parser;
  Seen seen;
  feed(parser, "data: a\n\ndata", seen);
  EXPECT_EQ(parser.open_bytes(), 4U);
  feed(parser, ": b\n", seen);
  EXPECT_EQ(parser.open_bytes(), 8U);
  feed(parser, "\r", seen);
  EXPECT_EQ(parser.open_bytes(), 0U);
  feed(parser, "\n", seen);
  EXPECT_EQ(parser.open_bytes(), 0U) << "the rest of the line end before";
}

TEST(EventParser, StopsAtWhatIsTooLong) {
  EventParser parser;
  Seen seen;
  const std::string piece(1 << 20, 'x');
  feed(parser, "data: ", seen);
  for (std::size_t n = 0; n < EventParser::kBlockBytesMax / piece.size(); ++n) {
    feed(parser, piece, seen);
  }
  EXPECT_TRUE(parser.too_long());
  std::string_view more = "\n\n";
  EXPECT_EQ(parser.next(more), nullptr);
}

}  // namespace
}  // namespace ringcast
