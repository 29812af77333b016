#include "net/chunked.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast {
namespace {

using namespace std::string_literals;
using State = ChunkedDecoder::State;

struct Result {
  State state = State::more;
  int status = 0;
  std::size_t consumed = 0;
  std::string data;

  bool operator==(const Result&) const = default;
};

void feed(ChunkedDecoder& decoder, std::string_view in, Result& result) {
  while (!in.empty() && decoder.state() == State::more) {
    const ChunkedDecoder::Step step = decoder.decode(in);
    result.data += step.data;
    result.consumed += step.consumed;
    in.remove_prefix(step.consumed);
  }
  result.state = decoder.state();
  result.status = decoder.error().status;
}

// Decodes `bytes` whole, cut in two at every place, and byte by byte; all must come to the same.
Result decode(const std::string& bytes, const ChunkedLimits& limits = {}) {
  Result whole;
  ChunkedDecoder decoder(limits);
  feed(decoder, bytes, whole);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    Result cut;
    ChunkedDecoder two(limits);
    feed(two, std::string_view(bytes).substr(0, split), cut);
    feed(two, std::string_view(bytes).substr(split), cut);
    EXPECT_EQ(cut, whole) << "cut at " << split << " of " << testing::PrintToString(bytes);
  }
  Result bytewise;
  ChunkedDecoder slow(limits);
  for (char c : bytes) feed(slow, {&c, 1}, bytewise);
  EXPECT_EQ(bytewise, whole) << testing::PrintToString(bytes);
  return whole;
}

TEST(Chunked, Bodies) {
  struct Case {
    std::string bytes, data;
  };
  for (const Case& c : std::vector<Case>{
           {"0\r\n\r\n", ""},
           {"5\r\nhello\r\n0\r\n\r\n", "hello"},
           {"5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n", "hello, world"},
           {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"},
           {"05\r\nhello\r\n000\r\n\r\n", "hello"},
           {"0000000000000005\r\nhello\r\n0\r\n\r\n", "hello"},
           {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n"},
           {"5;a\r\nhello\r\n0\r\n\r\n", "hello"},
           {"5;a=b\r\nhello\r\n0;c=d\r\n\r\n", "hello"},
           {"5;a=\"b;\\\"\\\\ \tc\";d;e=f\r\nhello\r\n0\r\n\r\n", "hello"},
           {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", "hello"},
           {"0\r\nX: y\r\n\r\n", ""},
           {"0\r\nX:\r\nContent-Length: 5\r\nY: \tz \xc3\xa4\r\n\r\n", ""},
       }) {
    const Result result = decode(c.bytes);
    EXPECT_EQ(result.state, State::done) << c.bytes;
    EXPECT_EQ(result.data, c.data) << c.bytes;
    EXPECT_EQ(result.consumed, c.bytes.size()) << c.bytes;
    // What follows is the next request's.
    EXPECT_EQ(decode(c.bytes + "GET /").consumed, c.bytes.size()) << c.bytes;
    for (std::size_t n = 0; n < c.bytes.size(); ++n) {
      EXPECT_EQ(decode(c.bytes.substr(0, n)).state, State::more) << c.bytes << " up to " << n;
    }
  }
}

TEST(Chunked, Malformed) {
  for (const std::string& bad : {
           "\r\n"s,
           "\n"s,
           " 5\r\nhello\r\n"s,
           "5 \r\nhello\r\n"s,
           "5\t\r\n"s,
           "\t5\r\n"s,
           "-5\r\n"s,
           "+5\r\n"s,
           "0x5\r\n"s,
           "g\r\n"s,
           "5g\r\n"s,
           "5,5\r\n"s,
           "5.0\r\n"s,
           "\0"s,
           "5\0\r\n"s,
           "\xd9\xa5\r\n"s,
           // sizes
           "8000000000000000\r\n"s,
           "ffffffffffffffff\r\n"s,
           "10000000000000000\r\n"s,
           "00000000000000005\r\n"s,
           "fffffffffffffffff\r\n"s,
           // line ends
           "5\nhello\r\n0\r\n\r\n"s,
           "5\rhello"s,
           "5\r\rhello"s,
           "5;a\nhello"s,
           "5;a\rhello"s,
           // end of the data
           "5\r\nhello0\r\n\r\n"s,
           "5\r\nhello\n0\r\n\r\n"s,
           "5\r\nhello\r0\r\n\r\n"s,
           "5\r\nhello!\r\n"s,
           "5\r\nhello\r\n\r\n"s,
           "5\r\nhell\r\n0\r\n\r\n"s,
           "0\r\n\n"s,
           "0\r\n\rX"s,
           "0\n\r\n"s,
           // extensions
           "5;\r\n"s,
           "5; a\r\n"s,
           "5 ;a\r\n"s,
           "5;a =b\r\n"s,
           "5;a= b\r\n"s,
           "5;a=\r\n"s,
           "5;=b\r\n"s,
           "5;;\r\n"s,
           "5;a;\r\n"s,
           "5;a b\r\n"s,
           "5;a=b c\r\n"s,
           "5;a=\"b\r\n"s,
           "5;a=\"b\n\"\r\n"s,
           "5;a=\"b\"c\r\n"s,
           "5;a=\"\\\r\n"s,
           "5;a=\"\x7f\"\r\n"s,
           "5;a=b=c\r\n"s,
           "5;a\0\r\n"s,
           "5;\xc3\xa4\r\n"s,
           "5;a[]\r\n"s,
           // trailers
           "0\r\n: y\r\n"s,
           "0\r\n X: y\r\n"s,
           "0\r\nX : y\r\n"s,
           "0\r\nX\r\n"s,
           "0\r\nX: y\n\r\n"s,
           "0\r\nX: y\rZ"s,
           "0\r\nX: y\r\n z\r\n"s,
           "0\r\nX: \0\r\n"s,
           "0\r\nX: \x7f\r\n"s,
           "0\r\nGET / HTTP/1.1\r\n"s,
           "0\r\n\tX: y\r\n"s,
       }) {
    const Result result = decode(bad);
    EXPECT_EQ(result.state, State::failed) << testing::PrintToString(bad);
    EXPECT_EQ(result.status, 400) << testing::PrintToString(bad);
    EXPECT_LT(result.consumed, bad.size()) << testing::PrintToString(bad);
  }
}

TEST(Chunked, TheLargestSizeIsTakenAndNotWaitedFor) {
  const Result result = decode("7fffffffffffffff\r\nabc");
  EXPECT_EQ(result.state, State::more);
  EXPECT_EQ(result.data, "abc");
}

TEST(Chunked, ErrorsComeAtTheByteThatShowsThem) {
  EXPECT_EQ(decode("5\r\nhellox").consumed, 8U);
  EXPECT_EQ(decode("5x").consumed, 1U);
  EXPECT_EQ(decode("5\n").consumed, 1U);
  ChunkedDecoder decoder;
  EXPECT_EQ(decoder.decode("x").state, State::failed);
  EXPECT_EQ(decoder.decode("5\r\n").consumed, 0U) << "errors stick";
  EXPECT_EQ(decoder.state(), State::failed);
}

TEST(Chunked, Limits) {
  const ChunkedLimits limits{.max_extension_bytes = 8, .max_trailer_bytes = 10};
  // What counts is all after the first semicolon of a line, its CR included.
  EXPECT_EQ(decode("1;abcdefg\r\nx\r\n0\r\n\r\n", limits).state, State::done);
  EXPECT_EQ(decode("1;abcdefgh\r\nx\r\n0\r\n\r\n", limits).status, 400);
  EXPECT_EQ(decode("1;abc\r\nx\r\n1;abc\r\nx\r\n0\r\n\r\n", limits).state, State::done);
  EXPECT_EQ(decode("1;abc\r\nx\r\n1;abc\r\nx\r\n0;a\r\n\r\n", limits).status, 400)
      << "the limit is for all chunks together";
  EXPECT_EQ(decode("0\r\nX: 34567\r\n\r\n", limits).state, State::done);
  EXPECT_EQ(decode("0\r\nX: 345678\r\n\r\n", limits).status, 431);
  EXPECT_EQ(decode("0\r\na:1\r\nb:2\r\n\r\n", limits).state, State::done);
  EXPECT_EQ(decode("0\r\na:1\r\nb:2\r\nc", limits).status, 431);
}

TEST(Chunked, DataIsNotCopied) {
  const std::string in = "5\r\nhello\r\n";
  ChunkedDecoder decoder;
  const ChunkedDecoder::Step step = decoder.decode(in);
  EXPECT_EQ(step.data, "hello");
  EXPECT_EQ(static_cast<const void*>(step.data.data()), in.data() + 3);
  EXPECT_EQ(step.consumed, 8U);
}

TEST(Chunked, HeadersOfOurOwnDecode) {
  EXPECT_EQ(ChunkHeader(1).text(), "1\r\n");
  EXPECT_EQ(ChunkHeader(16).text(), "10\r\n");
  EXPECT_EQ(ChunkHeader(0xabcdef).text(), "abcdef\r\n");
  EXPECT_EQ(ChunkHeader(~std::size_t{0}).text(), "ffffffffffffffff\r\n");
  for (std::size_t bytes : {1U, 15U, 16U, 255U, 4096U, 65537U}) {
    const std::string data(bytes, 'x');
    const std::string body = std::string(ChunkHeader(bytes).text()) + data +
                             std::string(kChunkEnd) + std::string(kLastChunk);
    Result result;
    ChunkedDecoder decoder;
    feed(decoder, body, result);
    EXPECT_EQ(result.state, State::done);
    EXPECT_EQ(result.data, data);
    EXPECT_EQ(result.consumed, body.size());
  }
}

}  // namespace
}  // namespace ringcast
