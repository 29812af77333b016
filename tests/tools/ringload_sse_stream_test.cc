#include "tools/ringload/sse_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/ringload/chunked_decoder.h"

namespace ringcast::load {
namespace {

constexpr std::uint16_t kRun = 0xbeef;
constexpr std::size_t kSize = 40;

struct Seen {
  std::vector<std::uint32_t> sequences;
  std::int64_t last_intended_ns = 0;
  int gaps = 0;
  int foreign = 0;

  void on_stamp(const Stamp& stamp) {
    EXPECT_EQ(stamp.publisher, stamp.sequence % 3);
    sequences.push_back(stamp.sequence);
    last_intended_ns = stamp.intended_ns;
  }
  void on_gap() { ++gaps; }
  void on_foreign() { ++foreign; }
  bool operator==(const Seen&) const = default;
};

std::string payload(std::uint32_t sequence, std::uint16_t run = kRun) {
  std::string text(kSize, 'x');
  StampCodec(run).write(text.data(), {.publisher = sequence % 3,
                                      .sequence = sequence,
                                      .intended_ns = 1'000'000'000'000 + sequence});
  return text;
}

std::string event(std::uint32_t sequence) {
  return "id: 7-" + std::to_string(sequence) + "\nevent: load\ndata: " + payload(sequence) + "\n\n";
}

// What a hostile day has to offer, all of it legal.
std::string stream() {
  std::string text = "retry: 5000\n\n";
  for (std::uint32_t sequence = 8; sequence < 12; ++sequence) text += event(sequence);
  text += ":\n\n";
  text += "event: gap\ndata: {\"requested\":null}\n\n";
  text += "data: " + payload(1, 0x1234) + "\n\n";          // of another run
  text += "data: {\"data\":\"" + payload(12) + "\"}\n\n";  // wrapped
  text += "data: " + payload(13) + "\nid: behind\n\n";     // fields behind the data
  text += "data: first\ndata: " + payload(14) + "\ndata: last\n\n";
  text += "id: 1\r\ndata: " + payload(15) + "\r\n\r\n";
  text += "data: " + payload(16) + "\r\n\r\n";
  text += "event: other\n\n\n\n";  // without data, and empty events
  for (std::uint32_t sequence = 17; sequence < 20; ++sequence) text += event(sequence);
  text += ": keep\n: alive\n\n";
  text += event(20);
  return text;
}

Seen read(const std::vector<std::string>& pieces) {
  Seen seen;
  SseStream reader;
  const StampCodec codec(kRun);
  for (const std::string& piece : pieces) {
    EXPECT_TRUE(reader.feed(piece, codec, kSize, seen));
  }
  EXPECT_TRUE(reader.at_boundary());
  return seen;
}

TEST(RingloadStamp, ComesBackAsItWas) {
  const StampCodec codec(kRun);
  const Stamp stamp{.publisher = 0xfedc, .sequence = 0x89abcdef, .intended_ns = 0x123456789abc};
  char text[kStampBytes];
  codec.write(text, stamp);
  EXPECT_EQ(std::string_view(text, kStampBytes), "fedc.89abcdef.123456789abc.beef.");
  Stamp back;
  ASSERT_TRUE(codec.read(text, back));
  EXPECT_EQ(back.publisher, stamp.publisher);
  EXPECT_EQ(back.sequence, stamp.sequence);
  EXPECT_EQ(back.intended_ns, stamp.intended_ns);
  EXPECT_FALSE(StampCodec(kRun + 1).read(text, back));
  text[13] = '-';
  EXPECT_FALSE(codec.read(text, back));
}

TEST(RingloadSseStream, ReadsEverythingInOnePiece) {
  const Seen seen = read({stream()});
  EXPECT_EQ(seen.sequences,
            (std::vector<std::uint32_t>{8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}));
  EXPECT_EQ(seen.last_intended_ns, 1'000'000'000'020);
  EXPECT_EQ(seen.gaps, 1);
  EXPECT_EQ(seen.foreign, 1);
}

TEST(RingloadSseStream, SeesTheSameUnderEverySplit) {
  const std::string text = stream();
  const Seen whole = read({text});
  for (std::size_t first = 0; first <= text.size(); ++first) {
    ASSERT_EQ(read({text.substr(0, first), text.substr(first)}), whole) << first;
    for (std::size_t second = first; second <= text.size(); second += 13) {
      ASSERT_EQ(
          read({text.substr(0, first), text.substr(first, second - first), text.substr(second)}),
          whole)
          << first << ' ' << second;
    }
  }
}

TEST(RingloadSseStream, SeesTheSameInSmallPieces) {
  const std::string text = stream();
  const Seen whole = read({text});
  for (std::size_t size = 1; size < 70; ++size) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
    ASSERT_EQ(read(pieces), whole) << size;
  }
}

TEST(RingloadSseStream, RefusesAnEventWithoutEnd) {
  Seen seen;
  SseStream reader;
  const StampCodec codec(kRun);
  const std::string piece(64 << 10, 'x');
  std::size_t fed = 0;
  while (reader.feed(piece, codec, kSize, seen)) {
    fed += piece.size();
    ASSERT_LE(fed, SseStream::kEventBytesMax + piece.size());
  }
  EXPECT_GE(fed + piece.size(), SseStream::kEventBytesMax);
}

std::string chunked(std::string_view text, std::size_t size) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size) {
    const std::string_view piece = text.substr(at, size);
    char head[32];
    std::snprintf(head, sizeof head, at % 2 == 0 ? "%zx\r\n" : "%zX;a=b\r\n", piece.size());
    out += head;
    out += piece;
    out += "\r\n";
  }
  return out + "0\r\nTrailer: x\r\n\r\n";
}

TEST(RingloadChunkedDecoder, StripsTheFramingUnderEverySplit) {
  const std::string text = stream();
  const std::string framed = chunked(text, 100);
  for (std::size_t first = 0; first <= framed.size(); ++first) {
    ChunkedDecoder decoder;
    std::string out;
    const auto keep = [&out](std::string_view data) { out += data; };
    auto state = decoder.feed(std::string_view(framed).substr(0, first), keep);
    if (first < framed.size()) {
      ASSERT_EQ(state, ChunkedDecoder::State::needs_more) << first;
      state = decoder.feed(std::string_view(framed).substr(first), keep);
    }
    ASSERT_EQ(state, ChunkedDecoder::State::complete) << first;
    ASSERT_EQ(out, text) << first;
  }
}

TEST(RingloadChunkedDecoder, StopsBehindTheLastChunk) {
  ChunkedDecoder decoder;
  const auto ignore = [](std::string_view) {};
  EXPECT_EQ(decoder.feed("3\r\nabc\r\n0\r\n\r\nHTTP", ignore), ChunkedDecoder::State::complete);
  EXPECT_EQ(decoder.consumed(), 13U);
}

TEST(RingloadChunkedDecoder, RefusesBrokenFraming) {
  const auto ignore = [](std::string_view) {};
  for (const char* text : {"x\r\n", "\r\n", "3\r\nabcd", "ffffffffffffffffff\r\n", "-1\r\n"}) {
    ChunkedDecoder decoder;
    EXPECT_EQ(decoder.feed(text, ignore), ChunkedDecoder::State::failed) << text;
  }
}

}  // namespace
}  // namespace ringcast::load
