#include "core/utf8.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace ringcast {
namespace {

using namespace std::string_literals;

TEST(Utf8, WellFormed) {
  for (const std::string& good :
       {""s, "plain ASCII, longer than eight bytes"s, "ä"s, "日本語"s, "😀"s, "\xc2\x80"s,
        "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s, "\xee\x80\x80"s, "\xef\xbf\xbf"s,
        "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s, "1234567ä"s, "12345678ä12345678"s, "\0"s}) {
    EXPECT_TRUE(is_valid_utf8(good)) << testing::PrintToString(good);
  }
}

TEST(Utf8, Malformed) {
  for (const std::string& bad : {"\x80"s,
                                 "\xbf"s,
                                 "\xc0\x80"s,
                                 "\xc1\xbf"s,
                                 "\xc2"s,
                                 "\xc2\x41"s,
                                 "\xe0\x80\x80"s,
                                 "\xe0\x9f\xbf"s,
                                 "\xe2\x82"s,
                                 "\xed\xa0\x80"s,
                                 "\xed\xbf\xbf"s,
                                 "\xf0\x80\x80\x80"s,
                                 "\xf0\x8f\xbf\xbf"s,
                                 "\xf0\x9f\x98"s,
                                 "\xf4\x90\x80\x80"s,
                                 "\xf5\x80\x80\x80"s,
                                 "\xff"s,
                                 "\xfe"s,
                                 "12345678\xff"s,
                                 "1234567\xc3"s,
                                 "ä\x80"s}) {
    EXPECT_FALSE(is_valid_utf8(bad)) << testing::PrintToString(bad);
  }
}

// Every sequence of three bytes against the table 3-7 of the Unicode standard, the long way round.
TEST(Utf8, EveryPairAfterEveryLead) {
  std::size_t valid = 0;
  for (int lead = 0xe0; lead < 0xf0; ++lead) {
    for (int pair = 0; pair < 0x10000; ++pair) {
      const std::array<char, 3> text{static_cast<char>(lead), static_cast<char>(pair >> 8),
                                     static_cast<char>(pair & 0xff)};
      const int a = pair >> 8;
      const int b = pair & 0xff;
      const unsigned code = static_cast<unsigned>((lead & 15) << 12 | (a & 63) << 6 | (b & 63));
      const bool expected = (a & 0xc0) == 0x80 && (b & 0xc0) == 0x80 && code >= 0x800 &&
                            (code < 0xd800 || code > 0xdfff);
      ASSERT_EQ(is_valid_utf8({text.data(), 3}), expected) << lead << ' ' << pair;
      valid += expected;
    }
  }
  EXPECT_EQ(valid, 0x10000U - 0x800U - 0x800U);
}

TEST(Utf8, LengthOfTheFirstCharacter) {
  for (const auto& [text, length] : std::initializer_list<std::pair<std::string_view, std::size_t>>{
           {"", 0},
           {"a", 1},
           {std::string_view("\0", 1), 1},
           {"aä", 1},
           {"äa", 2},
           {"日本", 3},
           {"😀😀", 4},
           {"\xc3", 0},
           {"\xc3\x28", 0},
           {"\xe6\x97", 0},
           {"\xed\xa0\x80", 0},
           {"\xf0\x9f\x98", 0},
           {"\x80", 0},
           {"\xff\x61", 0},
       }) {
    EXPECT_EQ(utf8_length(text), length) << testing::PrintToString(text);
  }
}

TEST(Utf8, CutsBetweenCharacters) {
  EXPECT_EQ(cut_utf8("aä", 3), "aä");
  EXPECT_EQ(cut_utf8("aä", 2), "a");
  EXPECT_EQ(cut_utf8("😀", 3), "");
  EXPECT_EQ(cut_utf8("", 0), "");
}

}  // namespace
}  // namespace ringcast
