#include "tools/ringload/line_stream.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/ringload/chunked_decoder.h"
#include "tools/ringload/line_body.h"

namespace ringcast::load {
namespace {

using Lines = std::vector<std::string>;

Lines read(const std::vector<std::string_view>& pieces, bool whole = true) {
  Lines lines;
  LineStream stream;
  for (const std::string_view piece : pieces) {
    EXPECT_TRUE(stream.feed(piece, [&](std::string_view line) { lines.emplace_back(line); }));
  }
  EXPECT_EQ(stream.at_boundary(), whole);
  return lines;
}

constexpr std::string_view kText = "{\"a\":1}\n\n\r\nb\r\n\n\n  c d \r\r\n1\n";

TEST(RingloadLineStream, GivesLinesUnderEverySplit) {
  const Lines expected{"{\"a\":1}", "b", "  c d \r", "1"};
  EXPECT_EQ(read({kText}), expected);
  for (std::size_t first = 0; first <= kText.size(); ++first) {
    for (std::size_t second = first; second <= kText.size(); ++second) {
      ASSERT_EQ(
          read({kText.substr(0, first), kText.substr(first, second - first), kText.substr(second)}),
          expected)
          << first << " " << second;
    }
  }
}

TEST(RingloadLineStream, GivesLinesByteByByte) {
  std::vector<std::string_view> bytes;
  for (std::size_t at = 0; at < kText.size(); ++at) bytes.push_back(kText.substr(at, 1));
  EXPECT_EQ(read(bytes), read({kText}));
}

TEST(RingloadLineStream, KeepsWhatIsIncomplete) {
  EXPECT_EQ(read({"a\nb"}, false), Lines{"a"});
  EXPECT_EQ(read({"a\nb", "c"}, false), Lines{"a"});
  EXPECT_EQ(read({"a\nb", "c\n"}), (Lines{"a", "bc"}));
  EXPECT_EQ(read({}), Lines{});
}

TEST(RingloadLineStream, RefusesALineThatIsTooLong) {
  const auto ignore = [](std::string_view) {};
  const std::string most(LineStream::kLineBytesMax, 'x');
  LineStream fits;
  EXPECT_TRUE(fits.feed(most, ignore) && fits.feed("\n", ignore));
  LineStream grows;
  EXPECT_TRUE(grows.feed(most, ignore));
  EXPECT_FALSE(grows.feed("x", ignore));
  LineStream whole;
  EXPECT_FALSE(whole.feed(most + "x\n", ignore));
  LineStream later;
  EXPECT_FALSE(later.feed("a\n" + most + "x", ignore));
}

// Every line as a chunk, as ringcast has it; and chunks that have nothing to do with lines.
TEST(RingloadLineStream, GivesTheLinesOfChunks) {
  const std::string bytes = "4\r\none\n\r\n1\r\n\n\r\n2\r\ntw\r\n6;x=y\r\no\nthre\r\n2\r\ne\n\r\n";
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    Lines lines;
    LineStream stream;
    ChunkedDecoder chunks;
    for (const auto piece :
         {std::string_view(bytes).substr(0, at), std::string_view(bytes).substr(at)}) {
      const auto state = chunks.feed(piece, [&](std::string_view content) {
        EXPECT_TRUE(stream.feed(content, [&](std::string_view line) { lines.emplace_back(line); }));
      });
      EXPECT_EQ(state, ChunkedDecoder::State::needs_more);
    }
    ASSERT_EQ(lines, (Lines{"one", "two", "three"})) << at;
  }
}

TEST(RingloadLineBody, ReadsHowManyLinesWereCounted) {
  EXPECT_EQ(counted_lines(R"({"count":12,"id":"x"})", "count"), 12);
  EXPECT_EQ(counted_lines(R"({"published" : 0})", "published"), 0);
  EXPECT_EQ(counted_lines(R"({"count":null})", "count"), -1);
  EXPECT_EQ(counted_lines(R"({"count":-3})", "count"), -1);
  EXPECT_EQ(counted_lines(R"({"counts":3})", "count"), -1);
  EXPECT_EQ(counted_lines(R"({"count")", "count"), -1);
  EXPECT_EQ(counted_lines("", "count"), -1);
}

}  // namespace
}  // namespace ringcast::load
