#include "tools/ringload/response_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast::load {
namespace {

struct Answer {
  int status = 0;
  std::string type;
  std::string body;
  bool close = false;
  bool operator==(const Answer&) const = default;
};

// What is read when `text` comes in pieces of so many bytes.
std::vector<Answer> read(std::string_view text, std::size_t piece) {
  ResponseReader reader;
  std::vector<Answer> answers;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    std::string bytes(text.substr(at, piece));  // gone after this turn
    for (std::string_view rest = bytes; !rest.empty();) {
      const auto state = reader.feed(rest);
      rest.remove_prefix(reader.consumed());
      if (state != ResponseReader::State::complete) {
        EXPECT_EQ(state, ResponseReader::State::needs_more) << reader.error();
        break;
      }
      answers.push_back({reader.status(), std::string(reader.head()->content_type),
                         std::string(reader.body()), reader.close()});
      reader.next();
    }
  }
  return answers;
}

std::string answer(std::string_view head, std::string_view body) {
  return "HTTP/1.1 " + std::string(head) + "\r\n\r\n" + std::string(body);
}

TEST(RingloadResponseReader, ReadsTheSameHeadsAndOthers) {
  const std::string three = "201 Created\r\nContent-Type: text/plain\r\nContent-Length: 3";
  const std::string longer = "201 Created\r\nContent-Type: text/plain\r\nContent-Length: 34";
  const std::string none = "204 No Content\r\nContent-Type: a/b";
  const std::string pieces = "200 OK\r\nTransfer-Encoding: chunked";
  const std::string text = answer(three, "abc") + answer(three, "def") + answer(none, "") +
                           answer(none, "") + answer(three, "ghi") +
                           answer(longer, std::string(34, 'x')) + answer(three, "jkl") +
                           answer(pieces, "2\r\nmn\r\n0\r\n\r\n") + answer(pieces, "0\r\n\r\n") +
                           answer("100 Continue", "") + answer(three, "opq") +
                           answer("100 Continue", "") + answer(three, "rst");
  const std::vector<Answer> wanted = {{201, "text/plain", "abc"},
                                      {201, "text/plain", "def"},
                                      {204, "a/b", ""},
                                      {204, "a/b", ""},
                                      {201, "text/plain", "ghi"},
                                      {201, "text/plain", std::string(34, 'x')},
                                      {201, "text/plain", "jkl"},
                                      {200, "", "mn"},
                                      {200, "", ""},
                                      {201, "text/plain", "opq"},
                                      {201, "text/plain", "rst"}};
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    EXPECT_EQ(read(text, piece), wanted) << piece;
  }
}

TEST(RingloadResponseReader, FailsAfterARightOne) {
  ResponseReader reader;
  const std::string right = answer("200 OK\r\nContent-Length: 0", "");
  ASSERT_EQ(reader.feed(right), ResponseReader::State::complete);
  reader.next();
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(reader.head(), nullptr);
  EXPECT_EQ(reader.feed("HTTP/1.1 two\r\n\r\n"), ResponseReader::State::failed);
}

}  // namespace
}  // namespace ringcast::load
