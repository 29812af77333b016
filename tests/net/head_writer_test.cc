#include "net/head_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace ringcast {
namespace {

constexpr std::string_view kDate = "Sun, 06 Nov 1994 08:49:37 GMT";

class HeadWriterTest : public testing::Test {
 protected:
  std::array<char, 512> buffer_;
};

TEST_F(HeadWriterTest, ContentLength) {
  HeadWriter head(buffer_, 200, kDate);
  head.header("Content-Type", "text/plain");
  head.header("X-Count", std::uint64_t{18446744073709551615U});
  head.content_length(5);
  EXPECT_EQ(head.finish(),
            "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: text/plain\r\n"
            "X-Count: 18446744073709551615\r\nContent-Length: 5\r\n\r\n");
}

TEST_F(HeadWriterTest, Chunked) {
  HeadWriter head(buffer_, 201, {});
  head.chunked();
  head.connection_close();
  EXPECT_EQ(head.finish(),
            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
}

TEST_F(HeadWriterTest, UntilClose) {
  HeadWriter head(buffer_, 200, {});
  head.header("X-Accel-Buffering", "no");
  head.until_close();
  EXPECT_EQ(head.finish(), "HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nConnection: close\r\n\r\n");
}

TEST_F(HeadWriterTest, WithoutBody) {
  HeadWriter upgrade(buffer_, 101, {});
  upgrade.header("Connection", "Upgrade");
  EXPECT_EQ(upgrade.finish(), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_EQ(HeadWriter(buffer_, 204, {}).finish(), "HTTP/1.1 204 No Content\r\n\r\n");
  EXPECT_EQ(HeadWriter(buffer_, 304, {}).finish(), "HTTP/1.1 304 Not Modified\r\n\r\n");
}

TEST_F(HeadWriterTest, UnknownStatusHasAnEmptyPhrase) {
  HeadWriter head(buffer_, 299, {});
  head.content_length(0);
  EXPECT_EQ(head.finish(), "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n");
}

TEST_F(HeadWriterTest, ValuesCannotAddLines) {
  using namespace std::string_literals;
  for (const std::string& value :
       {"a\r\nX: y"s, "a\nb"s, "a\rb"s, "a\0b"s, "\x01"s, "\x7f"s, "\x1b[0m"s}) {
    HeadWriter head(buffer_, 200, {});
    head.header("X-Text", value);
    head.content_length(0);
    EXPECT_EQ(head.finish(), "") << testing::PrintToString(value);
  }
  for (const std::string& name :
       {""s, "a b"s, "a:"s, "a\r\nb"s, "a\0"s, "ä"s, "content-length"s, "Transfer-Encoding"s}) {
    HeadWriter head(buffer_, 200, {});
    head.header(name, "1");
    head.content_length(0);
    EXPECT_EQ(head.finish(), "") << testing::PrintToString(name);
  }
}

TEST_F(HeadWriterTest, ObsTextAndTabsPass) {
  HeadWriter head(buffer_, 200, {});
  head.header("X-Text", "a\tb ä");
  head.content_length(0);
  EXPECT_NE(head.finish().find("X-Text: a\tb ä\r\n"), std::string_view::npos);
}

TEST_F(HeadWriterTest, FramingExactlyOnce) {
  EXPECT_EQ(HeadWriter(buffer_, 200, {}).finish(), "") << "no framing";
  HeadWriter twice(buffer_, 200, {});
  twice.content_length(1);
  twice.chunked();
  EXPECT_EQ(twice.finish(), "");
  HeadWriter same(buffer_, 200, {});
  same.content_length(1);
  same.content_length(1);
  EXPECT_EQ(same.finish(), "");
  for (int status : {101, 204, 304}) {
    HeadWriter head(buffer_, status, {});
    head.content_length(0);
    EXPECT_EQ(head.finish(), "") << status;
  }
  HeadWriter connection(buffer_, 200, {});
  connection.header("connection", "keep-alive");
  connection.until_close();
  EXPECT_EQ(connection.finish(), "");
}

TEST_F(HeadWriterTest, StatusRange) {
  for (int status : {-1, 0, 99, 1000}) {
    HeadWriter head(buffer_, status, {});
    head.content_length(0);
    EXPECT_EQ(head.finish(), "") << status;
  }
}

TEST_F(HeadWriterTest, EveryBufferThatIsTooSmallFails) {
  const auto write = [](std::span<char> out) {
    HeadWriter head(out, 200, kDate);
    head.header("Content-Type", "text/plain");
    head.content_length(123);
    return head.finish();
  };
  const std::size_t size = write(buffer_).size();
  ASSERT_GT(size, 0U);
  EXPECT_EQ(write(std::span(buffer_).first(size)).size(), size);
  for (std::size_t n = 0; n < size; ++n) {
    const std::string_view none = write(std::span(buffer_).first(n));
    EXPECT_TRUE(none.empty()) << n;
  }
}

}  // namespace
}  // namespace ringcast
