#include "tools/ringload/ws_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/ringload/stamped_frame.h"

namespace ringcast::load {
namespace {

std::string frame(WsOpcode opcode, std::string_view payload, bool fin = true) {
  char head[kMostWsHeaderBytes];
  return std::string(head, write_frame_header(head, opcode, payload.size(), fin)) +
         std::string(payload);
}

std::string masked_frame(WsOpcode opcode, std::string payload) {
  const WsMask mask{1, 2, 3, 4};
  char head[kMostWsHeaderBytes];
  const std::string start(head, write_masked_header(head, opcode, payload.size(), mask));
  apply_mask(payload, mask);
  return start + payload;
}

// Keeps what it is given as text.
struct Seen {
  std::vector<std::string> messages;
  std::size_t most = 1000;

  bool on_message(const WsMessage& message) {
    const char* kind = "?";
    switch (message.opcode) {
      case WsOpcode::text:
        kind = "text";
        break;
      case WsOpcode::binary:
        kind = "binary";
        break;
      case WsOpcode::ping:
        kind = "ping";
        break;
      case WsOpcode::close:
        kind = "close";
        break;
      default:
        break;
    }
    messages.push_back(std::string(kind) + " " + std::string(message.payload));
    return messages.size() < most;
  }
};

std::string stream() {
  std::string text = frame(WsOpcode::text, "one") + frame(WsOpcode::text, "");
  text += frame(WsOpcode::ping, "are you there");
  text += frame(WsOpcode::binary, std::string(125, 'a')) +
          frame(WsOpcode::binary, std::string(126, 'b'));
  text += frame(WsOpcode::text, "fra", false) + frame(WsOpcode::ping, "between") +
          frame(WsOpcode::continuation, "gme", false) + frame(WsOpcode::continuation, "nts");
  text += frame(WsOpcode::text, std::string(300, 'c')) + frame(WsOpcode::text, "last");
  return text;
}

std::vector<std::string> expected() {
  return {"text one",
          "text ",
          "ping are you there",
          "binary " + std::string(125, 'a'),
          "binary " + std::string(126, 'b'),
          "ping between",
          "text fragments",
          "text " + std::string(300, 'c'),
          "text last"};
}

TEST(RingloadWsStream, ReadsEverythingInOnePiece) {
  WsStream reader;
  Seen seen;
  EXPECT_TRUE(reader.feed(stream(), seen));
  EXPECT_EQ(seen.messages, expected());
  EXPECT_TRUE(reader.at_boundary());
}

TEST(RingloadWsStream, SeesTheSameUnderEverySplit) {
  const std::string text = stream();
  for (std::size_t at = 0; at <= text.size(); ++at) {
    WsStream reader;
    Seen seen;
    EXPECT_TRUE(reader.feed(text.substr(0, at), seen));
    EXPECT_TRUE(reader.feed(text.substr(at), seen));
    ASSERT_EQ(seen.messages, expected()) << at;
  }
  for (std::size_t size = 1; size < 40; ++size) {
    WsStream reader;
    Seen seen;
    for (std::size_t at = 0; at < text.size(); at += size) {
      EXPECT_TRUE(reader.feed(text.substr(at, size), seen));
    }
    ASSERT_EQ(seen.messages, expected()) << size;
  }
}

TEST(RingloadWsStream, ReadsMessagesWithLongLengths) {
  const std::string large(70'000, 'x');
  const std::string text = frame(WsOpcode::binary, large) + frame(WsOpcode::text, "behind");
  for (const std::size_t at : {std::size_t{1}, std::size_t{5}, std::size_t{9}, std::size_t{10},
                               std::size_t{11}, std::size_t{70'009}, std::size_t{70'010}}) {
    WsStream reader;
    Seen seen;
    reader.feed(text.substr(0, at), seen);
    reader.feed(text.substr(at), seen);
    ASSERT_EQ(seen.messages, (std::vector<std::string>{"binary " + large, "text behind"})) << at;
  }
}

TEST(RingloadWsStream, StopsAtACloseAndWhenTheSinkHasHadEnough) {
  std::string close;
  append_close_frame(close, 1001, "bye");
  WsStream reader;
  Seen seen;
  EXPECT_FALSE(reader.feed(frame(WsOpcode::text, "a") + close + frame(WsOpcode::text, "b"), seen));
  EXPECT_EQ(seen.messages, (std::vector<std::string>{"text a", "close bye"}));
  EXPECT_FALSE(reader.failed());

  WsStream other;
  Seen one{.messages = {}, .most = 1};
  EXPECT_FALSE(other.feed(frame(WsOpcode::text, "a") + frame(WsOpcode::text, "b"), one));
  EXPECT_EQ(one.messages.size(), 1U);
}

TEST(RingloadWsStream, RefusesWhatNoServerMaySend) {
  const std::string wrong[] = {
      masked_frame(WsOpcode::text, "masked"),
      "\x83\x01x",                                   // a reserved opcode
      "\xc1\x01x",                                   // compressed, which was not agreed on
      frame(WsOpcode::continuation, "of nothing"),   //
      std::string("\x82\x7f\x7f\0\0\0\0\0\0\0", 10)  // too large
  };
  for (const std::string& text : wrong) {
    for (const bool whole : {true, false}) {
      WsStream reader;
      Seen seen;
      bool more = true;
      for (std::size_t at = 0; more && at < text.size(); at += whole ? text.size() : 1) {
        more = reader.feed(std::string_view(text).substr(at, whole ? text.size() : 1), seen);
      }
      EXPECT_FALSE(more) << text;
      EXPECT_TRUE(reader.failed()) << text;
      EXPECT_FALSE(reader.failure().empty());
      EXPECT_TRUE(seen.messages.empty());
    }
  }
}

TEST(RingloadStampedFrame, IsAFrameWithTheStampInIt) {
  const StampCodec codec(0xbeef);
  for (const std::string_view before : {"", "x", R"({"ref":")"}) {
    StampedFrame frames(before, R"("})", WsOpcode::text, {9, 8, 7, 6});
    for (const std::uint32_t sequence : {0U, 1U, 0xffffffffU}) {
      const Stamp stamp{.publisher = 7, .sequence = sequence, .intended_ns = 12345};
      std::string bytes(frames.with(codec, stamp));
      WebSocketReader reader(WsRole::server);
      reader.feed(bytes);
      WsMessage message;
      ASSERT_TRUE(reader.next(message));
      char text[kStampBytes];
      codec.write(text, stamp);
      EXPECT_EQ(message.payload, std::string(before) + std::string(text, kStampBytes) + R"("})");
      StampFinder finder;
      Stamp back;
      ASSERT_TRUE(finder.find(codec, message.payload, back));
      EXPECT_EQ(back.sequence, sequence);
      EXPECT_FALSE(reader.next(message));
    }
  }
}

TEST(RingloadStampFinder, FindsStampsWhereverTheyAre) {
  const StampCodec codec(0xbeef);
  char stamp[kStampBytes];
  codec.write(stamp, {.publisher = 1, .sequence = 2, .intended_ns = 3});
  const std::string text(stamp, kStampBytes);
  StampFinder finder;
  Stamp found;
  for (const std::string& around : {"", "abc", "abc", "abcdefgh", "", "a long way to go ", "x"}) {
    ASSERT_TRUE(finder.find(codec, around + text + around, found)) << around;
    EXPECT_EQ(found.sequence, 2U);
    EXPECT_FALSE(finder.find(codec, around, found));
    EXPECT_FALSE(finder.find(StampCodec(1), around + text, found));
  }
}

}  // namespace
}  // namespace ringcast::load
