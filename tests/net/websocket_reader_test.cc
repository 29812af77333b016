#include "net/websocket_reader.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

namespace ringcast {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

constexpr WsMask kMask{0x37, 0xfa, 0x21, 0x3d};

std::string frame(WsOpcode opcode, std::string_view payload, bool fin = true, bool rsv1 = false,
                  bool masked = true) {
  char head[kMostWsHeaderBytes];
  char* const end = masked ? write_masked_header(head, opcode, payload.size(), kMask, fin, rsv1)
                           : write_frame_header(head, opcode, payload.size(), fin, rsv1);
  std::string body(payload);
  if (masked) apply_mask(body, kMask);
  return std::string(head, end) + body;
}

// What came out: "text:…", "close:1000:…", at the end "failed:1002" if it failed.
using Log = std::vector<std::string>;

void take(WebSocketReader& reader, Log& log) {
  for (WsMessage message; reader.next(message) || reader.inflating();) {
    if (reader.inflating()) continue;
    const std::string payload(message.payload);
    switch (message.opcode) {
      case WsOpcode::text:
        log.push_back("text:" + payload);
        break;
      case WsOpcode::binary:
        log.push_back("binary:" + payload);
        break;
      case WsOpcode::ping:
        log.push_back("ping:" + payload);
        break;
      case WsOpcode::pong:
        log.push_back("pong:" + payload);
        break;
      default:
        log.push_back("close:" + std::to_string(message.close_code) + ":" + payload);
    }
  }
}

Log read(std::string bytes, std::size_t piece_bytes, Inflater* inflater = nullptr,
         const WsLimits& limits = {}, WsRole role = WsRole::server) {
  WebSocketReader reader(role, limits, inflater);
  Log log;
  for (std::size_t at = 0; at < bytes.size() && !reader.failed(); at += piece_bytes) {
    reader.feed(std::span(bytes).subspan(at, std::min(piece_bytes, bytes.size() - at)));
    take(reader, log);
  }
  if (reader.failed()) log.push_back("failed:" + std::to_string(reader.close_code()));
  return log;
}

void expect(const std::string& bytes, const Log& expected) {
  for (const std::size_t piece : {std::size_t{1}, std::size_t{2}, std::size_t{7}, bytes.size()}) {
    EXPECT_EQ(read(bytes, piece), expected) << "in pieces of " << piece;
  }
}

std::string close_frame(std::uint16_t code, std::string_view reason = "") {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
  return frame(WsOpcode::close, payload.append(reason));
}

TEST(WebSocketReader, GivesMessagesHoweverTheyAreCut) {
  for (const std::size_t size : {0, 1, 125, 126, 127, 128, 65535, 65536}) {
    const std::string text(size, '*');
    expect(frame(WsOpcode::text, text), {"text:" + text});
    expect(frame(WsOpcode::binary, text) + frame(WsOpcode::text, "next"),
           {"binary:" + text, "text:next"});
  }
  expect(frame(WsOpcode::ping, std::string(125, 'p')), {"ping:" + std::string(125, 'p')});
  expect(frame(WsOpcode::pong, "unasked"), {"pong:unasked"});
}

TEST(WebSocketReader, JoinsFragmentsAndLetsControlFramesBetween) {
  expect(frame(WsOpcode::text, "a", false) + frame(WsOpcode::ping, "p") +
             frame(WsOpcode::continuation, "", false) + frame(WsOpcode::continuation, "b") +
             frame(WsOpcode::text, "c"),
         {"ping:p", "text:ab", "text:c"});
  expect(frame(WsOpcode::text, "\xe2", false) + frame(WsOpcode::continuation, "\x82", false) +
             frame(WsOpcode::continuation, "\xac"),
         {"text:\xe2\x82\xac"});
  expect(frame(WsOpcode::continuation, "x"), {"failed:1002"});
  expect(frame(WsOpcode::text, "x", false) + frame(WsOpcode::text, "y"), {"failed:1002"});
}

TEST(WebSocketReader, RefusesWhatBreaksTheProtocol) {
  expect(frame(WsOpcode::text, "x", true, true), {"failed:1002"});
  expect(frame(WsOpcode::ping, "x", true, true), {"failed:1002"});
  expect(frame(WsOpcode::text, "x", true, false, false), {"failed:1002"});
  EXPECT_EQ(read(frame(WsOpcode::text, "x"), 9, nullptr, {}, WsRole::client), Log{"failed:1002"});
  EXPECT_EQ(read(frame(WsOpcode::text, "x", true, false, false), 1, nullptr, {}, WsRole::client),
            Log{"text:x"});
  expect("\x83"s.append(5, '\0'), {"failed:1002"});
}

TEST(WebSocketReader, Closes) {
  expect(frame(WsOpcode::close, "") + frame(WsOpcode::ping, "late"), {"close:1005:"});
  expect(close_frame(1000, "bye") + frame(WsOpcode::text, "late"), {"close:1000:bye"});
  expect(frame(WsOpcode::close, "x"), {"failed:1002"});
  for (const unsigned code : {0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535}) {
    expect(close_frame(static_cast<std::uint16_t>(code)), {"failed:1002"});
  }
  for (const unsigned code : {1000, 1003, 1007, 1011, 3000, 3999, 4000, 4999}) {
    expect(close_frame(static_cast<std::uint16_t>(code)), {"close:" + std::to_string(code) + ":"});
  }
  expect(close_frame(1000, "\xff"), {"failed:1007"});
}

TEST(WebSocketReader, TextFailsAtItsFirstWrongByte) {
  std::string bytes = frame(WsOpcode::text, "good \xf4\x90 never read");
  const std::size_t head = 6;
  WebSocketReader reader(WsRole::server);
  Log log;
  reader.feed(std::span(bytes).first(head + 6));
  take(reader, log);
  EXPECT_FALSE(reader.failed());
  reader.feed(std::span(bytes).subspan(head + 6, 1));
  take(reader, log);
  EXPECT_TRUE(reader.failed());
  EXPECT_EQ(reader.close_code(), 1007);
  expect(frame(WsOpcode::text, "\xe2\x82"), {"failed:1007"});
}

TEST(WebSocketReader, LimitsAreKnownFromTheHeader) {
  const WsLimits limits{.max_message_bytes = 10, .max_frame_bytes = 8};
  EXPECT_EQ(read(frame(WsOpcode::text, "12345678"), 99, nullptr, limits), Log{"text:12345678"});
  EXPECT_EQ(read(frame(WsOpcode::text, "123456789").substr(0, 6), 99, nullptr, limits),
            Log{"failed:1009"});
  EXPECT_EQ(read(frame(WsOpcode::text, "12345678", false) +
                     frame(WsOpcode::continuation, "901").substr(0, 6),
                 99, nullptr, limits),
            Log{"failed:1009"});
}

TEST(WebSocketReader, ReceivesStraightIntoPlace) {
  const std::string text(100'000, 'r');
  std::string bytes = frame(WsOpcode::text, text);
  WebSocketReader reader(WsRole::server);
  Log log;
  reader.feed(std::span(bytes).first(4001));
  take(reader, log);
  std::size_t at = 4001;
  while (at < bytes.size()) {
    const std::span<char> room = reader.room();
    const std::size_t n = std::min({room.size(), bytes.size() - at, std::size_t{7777}});
    ASSERT_GT(n, 0U);
    bytes.copy(room.data(), n, at);
    reader.filled(n);
    at += n;
    take(reader, log);
  }
  EXPECT_EQ(log, Log{"text:" + text});
  EXPECT_TRUE(reader.room().empty());
  EXPECT_FALSE(reader.in_message());
}

// A peer's compressor: messages without the tail.
class Compressor {
 public:
  Compressor() { deflateInit2(&z_, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY); }
  ~Compressor() { deflateEnd(&z_); }
  std::string compress(std::string text) {
    std::string out(text.size() + 200, '\0');
    z_.next_in = reinterpret_cast<Bytef*>(text.data());
    z_.avail_in = static_cast<uInt>(text.size());
    z_.next_out = reinterpret_cast<Bytef*>(out.data());
    z_.avail_out = static_cast<uInt>(out.size());
    deflate(&z_, Z_SYNC_FLUSH);
    return out.substr(0, out.size() - z_.avail_out - 4);
  }

 private:
  z_stream z_{};
};

TEST(WebSocketReader, InflatesWithAndWithoutContext) {
  for (const bool keep : {true, false}) {
    std::string bytes;
    Log expected;
    Compressor kept;
    for (const std::string text : {"hello hello hello", "hello hello again", "\xc3\xa4 hello"}) {
      Compressor fresh;
      const std::string message = (keep ? kept : fresh).compress(text);
      bytes += frame(WsOpcode::text, message.substr(0, 3), false, true) +
               frame(WsOpcode::ping, "") + frame(WsOpcode::continuation, message.substr(3)) +
               frame(WsOpcode::text, "plain");
      expected.insert(expected.end(), {"ping:", "text:" + text, "text:plain"});
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{5}, bytes.size()}) {
      Inflater inflater(keep);
      EXPECT_EQ(read(bytes, piece, &inflater), expected);
    }
  }
}

TEST(WebSocketReader, InflatesOddEnds) {
  for (const bool keep : {true, false}) {
    const auto one = [keep](std::string_view payload, std::size_t piece) {
      Inflater inflater(keep);
      return read(frame(WsOpcode::text, payload, true, true), piece, &inflater);
    };
    for (const std::size_t piece : {1U, 99U}) {
      EXPECT_EQ(one("", piece), Log{"text:"});
      EXPECT_EQ(one("\x00"sv, piece), Log{"text:"});
      EXPECT_EQ(one("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"sv, piece), Log{"text:Hello"});  // BFINAL
      EXPECT_EQ(one("\xff\xff\xff"sv, piece), Log{"failed:1007"});
      EXPECT_EQ(one("\xf2\x48\xcd"sv, piece), Log{"failed:1007"});  // cut in a block
    }
  }
}

TEST(WebSocketReader, InflatesSliceBySlice) {
  const auto packed = [](const std::string& text) {
    return frame(WsOpcode::text, Compressor().compress(text), true, true);
  };
  const std::string large(100'000, 'l');
  const std::string small = "small";
  const std::string bytes = frame(WsOpcode::text, "first") + packed(large) + packed(small) +
                            packed(large + "2") + frame(WsOpcode::ping, "last");
  const Log expected{"text:first", "text:" + large, "text:small", "text:" + large + "2",
                     "ping:last"};
  for (const std::uint64_t slice : {1, 100, 4096, 100'000, 100'001}) {
    for (const std::size_t piece : {std::size_t{1}, std::size_t{77}, bytes.size()}) {
      Inflater inflater(false, slice);
      EXPECT_EQ(read(bytes, piece, &inflater), expected) << slice << " in pieces of " << piece;
    }
  }
}

TEST(WebSocketReader, OthersGoFirstBetweenSlices) {
  std::string bytes =
      frame(WsOpcode::text, Compressor().compress(std::string(10'000, 's')), true, true) +
      frame(WsOpcode::text, "behind");
  Inflater inflater(false, 1000);
  WebSocketReader reader(WsRole::server, {}, &inflater);
  reader.feed(bytes);
  WsMessage message;
  int turns = 0;
  while (!reader.next(message)) {
    ASSERT_TRUE(reader.inflating());
    EXPECT_TRUE(reader.in_message());
    EXPECT_TRUE(reader.room().empty());
    std::ranges::fill(bytes, '\0');  // what was fed need not stay
    ++turns;
  }
  EXPECT_GE(turns, 9);
  EXPECT_FALSE(reader.inflating());
  EXPECT_EQ(message.payload, std::string(10'000, 's'));
  ASSERT_TRUE(reader.next(message));
  EXPECT_EQ(message.payload, "behind");
  EXPECT_FALSE(reader.next(message));
  EXPECT_FALSE(reader.in_message());
}

TEST(WebSocketReader, WhatFailsInALaterSliceFails) {
  const std::string good(5000, 'g');
  const auto failing = [](const std::string& payload, const WsLimits& limits) {
    Inflater inflater(false, 1000);
    return read(frame(WsOpcode::text, payload, true, true), 4096, &inflater, limits);
  };
  EXPECT_EQ(failing(Compressor().compress(good + "\xff" + good), {}), Log{"failed:1007"});
  EXPECT_EQ(failing(Compressor().compress(good + "\xc3"), {}), Log{"failed:1007"});
  EXPECT_EQ(failing(Compressor().compress(good), {.max_message_bytes = 4999}), Log{"failed:1009"});
  EXPECT_EQ(failing(Compressor().compress(good) + "\xff\xff", {}), Log{"failed:1007"});
}

TEST(WebSocketReader, ABombIsTooBig) {
  for (const bool keep : {true, false}) {
    Compressor compressor;
    const std::string bomb = compressor.compress(std::string(2 << 20, 'b'));
    Inflater inflater(keep);
    EXPECT_EQ(read(frame(WsOpcode::text, bomb, true, true), 4096, &inflater), Log{"failed:1009"});
    Compressor other;
    const std::string largest(1 << 20, 'b');
    Inflater fresh(keep);
    EXPECT_EQ(read(frame(WsOpcode::text, other.compress(largest), true, true), 4096, &fresh),
              Log{"text:" + largest});
  }
}

TEST(WebSocketReader, WhatAllHoldTogetherIsBounded) {
  const std::string text = frame(WsOpcode::text, std::string(600 << 10, 'h'));
  const std::size_t before = Buffer::held_bytes();
  Buffer::set_most_held(before + (1 << 20));
  {
    std::string half = text.substr(0, text.size() - 1);
    WebSocketReader waiting(WsRole::server);
    Log log;
    waiting.feed(half);
    take(waiting, log);
    EXPECT_FALSE(waiting.failed());
    EXPECT_EQ(read(text, 4096), Log{"failed:1013"});
    EXPECT_EQ(read(frame(WsOpcode::text, "small"), 1), Log{"text:small"});
    for (const bool keep : {true, false}) {
      Compressor compressor;
      Inflater inflater(keep);
      const std::string packed = compressor.compress(std::string(600 << 10, 'b'));
      EXPECT_EQ(read(frame(WsOpcode::text, packed, true, true), 4096, &inflater),
                Log{"failed:1013"});
    }
  }
  EXPECT_EQ(Buffer::held_bytes(), before);
  EXPECT_EQ(read(text, 4096), Log{"text:" + std::string(600 << 10, 'h')});
  Buffer::set_most_held(0);
}

}  // namespace
}  // namespace ringcast
