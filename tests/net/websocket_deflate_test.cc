#include "net/websocket_deflate.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "net/websocket_inflater.h"

namespace ringcast {
namespace {

// The answer to offers; "-" where none was taken.
std::string answer(std::string_view offers, const DeflatePolicy& policy = {}) {
  const auto agreed = negotiate_deflate(offers, policy);
  if (!agreed) return "-";
  std::string text = extension_header(*agreed);
  EXPECT_TRUE(read_deflate_answer(text)) << text;
  constexpr std::string_view name = "permessage-deflate";
  EXPECT_TRUE(text.starts_with(name));
  return text.substr(name.size());
}

TEST(DeflateNegotiation, MeetsEachParameter) {
  EXPECT_EQ(answer("permessage-deflate"), "");
  EXPECT_EQ(answer("permessage-deflate; server_no_context_takeover"),
            "; server_no_context_takeover");
  EXPECT_EQ(answer("permessage-deflate;client_no_context_takeover"),
            "; client_no_context_takeover");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits"), "");
  for (int bits = 8; bits <= 15; ++bits) {
    const std::string number = std::to_string(bits);
    EXPECT_EQ(answer("permessage-deflate; server_max_window_bits=" + number),
              bits == 8 ? "-" : "; server_max_window_bits=" + number);
    EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=" + number),
              bits == 15 ? "" : "; client_max_window_bits=" + number);
  }
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits = \"9\" ; "
                   "server_max_window_bits=10; server_no_context_takeover; "
                   "client_no_context_takeover"),
            "; server_no_context_takeover; client_no_context_takeover; "
            "server_max_window_bits=10; client_max_window_bits=9");
}

TEST(DeflateNegotiation, DeclinesWhatItDoesNotUnderstand) {
  for (const std::string parameter :
       {"server_no_context_takeover=1", "client_no_context_takeover=true", "server_max_window_bits",
        "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=09",
        "server_max_window_bits=0", "server_max_window_bits=+9", "server_max_window_bits=\"1\\0\"",
        "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=ten",
        "SERVER_NO_CONTEXT_TAKEOVER", "unknown", "a;b;c;d;e;f;g;h;i;j",
        "server_no_context_takeover; server_no_context_takeover",
        "client_max_window_bits; client_max_window_bits=9"}) {
    EXPECT_EQ(answer("permessage-deflate; " + parameter), "-") << parameter;
    EXPECT_EQ(answer("permessage-deflate; " + parameter + ", permessage-deflate"), "") << parameter;
  }
  EXPECT_EQ(answer(""), "-");
  EXPECT_EQ(answer("permessage-bzip2, x-webkit-deflate-frame"), "-");
  EXPECT_EQ(answer("permessage-deflate", {.enabled = false}), "-");
}

TEST(DeflateNegotiation, FollowsThePolicy) {
  const DeflatePolicy small{.server_no_context_takeover = true,
                            .client_no_context_takeover = true,
                            .server_max_window_bits = 11,
                            .client_max_window_bits = 10};
  EXPECT_EQ(answer("permessage-deflate", small),
            "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=11");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits; server_max_window_bits=9", small),
            "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; "
            "client_max_window_bits=10");
  EXPECT_EQ(answer("permessage-deflate; client_max_window_bits=8", small).back(), '8');
}

TEST(DeflateNegotiation, ReadsAllFieldsOfAHead) {
  const std::string text =
      "GET / HTTP/1.1\r\nHost: x\r\nSec-WebSocket-Extensions: foo\r\n"
      "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8, "
      "permessage-deflate; server_max_window_bits=12\r\n\r\n";
  RequestHead head;
  ASSERT_FALSE(parse_head(text, head));
  const auto agreed = negotiate_deflate(head, {});
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->server_max_window_bits, 12);
}

TEST(DeflateNegotiation, AnAnswerIsCheckedToo) {
  const auto good = read_deflate_answer("permessage-deflate; client_max_window_bits=9");
  ASSERT_TRUE(good);
  EXPECT_EQ(good->client_max_window_bits, 9);
  for (const std::string_view bad :
       {"", "foo", "permessage-deflate; client_max_window_bits", "permessage-deflate; foo",
        "permessage-deflate, permessage-deflate", "permessage-deflate;"}) {
    EXPECT_FALSE(read_deflate_answer(bad)) << bad;
  }
}

std::string noise(std::size_t size) {
  std::mt19937 random(1);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

std::string words(std::size_t size) {
  std::mt19937 random(2);
  std::string text;
  while (text.size() < size) text += "word" + std::to_string(random() % 1000) + " ";
  text.resize(size);
  return text;
}

TEST(Deflater, WhatItCompressesInflatesToTheSame) {
  const std::string messages[] = {"",
                                  "Hello",
                                  "Hello",
                                  std::string(200, 'a'),
                                  words(100),
                                  noise(70'000),
                                  words(300'000),
                                  "Hello",
                                  noise(16),
                                  std::string(1 << 20, 'z')};
  for (const bool keep : {true, false}) {
    for (const int bits : {9, 10, 15}) {
      Deflater deflater({.window_bits = bits, .level = 1 + bits % 9, .keep_context = keep});
      Inflater inflater(keep);
      for (const std::string& message : messages) {
        Buffer compressed;
        compressed.append("before");
        ASSERT_TRUE(deflater.compress(message, compressed));
        ASSERT_TRUE(compressed.view().starts_with("before"));
        Buffer out;
        ASSERT_EQ(inflater.inflate(compressed.view().substr(6), out, 2 << 20),
                  Inflater::Outcome::ok);
        ASSERT_EQ(inflater.finish(out, 2 << 20), Inflater::Outcome::ok);
        ASSERT_EQ(out.view(), message);
        EXPECT_LE(compressed.size() - 6, message.size() + message.size() / 256 + 16);
      }
    }
  }
}

TEST(Deflater, KeepsItsContextOrForgetsIt) {
  const std::string text = words(100);
  const auto sizes = [&text](bool keep) {
    Deflater deflater({.keep_context = keep});
    std::vector<char> first;
    std::vector<char> both;
    EXPECT_TRUE(deflater.compress(text, first));
    both = first;
    EXPECT_TRUE(deflater.compress(text, both));
    EXPECT_TRUE(std::equal(first.begin(), first.end(), both.begin()));
    return std::pair(first.size(), both.size() - first.size());
  };
  EXPECT_GT(sizes(true).first, sizes(true).second * 3);
  EXPECT_EQ(sizes(false).first, sizes(false).second);
}

}  // namespace
}  // namespace ringcast
