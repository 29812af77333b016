#include "net/url.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "net/http_date.h"
#include "net/http_status.h"

namespace ringcast {
namespace {

using namespace std::string_literals;

std::string decoded(std::string_view raw, PlusSign plus = PlusSign::literal) {
  std::string out(raw.size(), '?');
  const auto result = percent_decode(raw, out, plus);
  return result ? std::string(*result) : "error " + std::string(result.error().code);
}

TEST(PercentDecode, Table) {
  EXPECT_EQ(decoded(""), "");
  EXPECT_EQ(decoded("abc"), "abc");
  EXPECT_EQ(decoded("a%20b"), "a b");
  EXPECT_EQ(decoded("%41%4a%4A"), "AJJ");
  EXPECT_EQ(decoded("%C3%a4"), "ä");
  EXPECT_EQ(decoded("%2525"), "%25") << "decoded once, not until nothing is left";
  EXPECT_EQ(decoded("a+b"), "a+b");
  EXPECT_EQ(decoded("a+b%2B", PlusSign::space), "a b+");
  for (const char* bad : {"%", "%4", "a%", "a%4", "%zz", "%4z", "%z4", "%%41", "% 41", "%+1"}) {
    EXPECT_EQ(decoded(bad), "error bad_percent_escape") << bad;
  }
  EXPECT_EQ(decoded("%00"), "error null_byte");
  EXPECT_EQ(decoded("a%00b"), "error null_byte");
  EXPECT_EQ(decoded("a\0b"s), "error null_byte");
}

TEST(PercentDecode, InPlaceAndTooSmall) {
  std::string text = "x%20y%2Fz";
  EXPECT_EQ(percent_decode(text, text).value(), "x y/z");
  std::array<char, 2> small;
  EXPECT_EQ(percent_decode("ab", small).value(), "ab");
  EXPECT_EQ(percent_decode("abc", small).error().status, 500);
}

TEST(DecodePath, Policy) {
  std::array<char, 64> out;
  EXPECT_EQ(decode_path("/api/events/a%2Fb", out).value(), "/api/events/a/b");
  EXPECT_EQ(decode_path("/", out).value(), "/");
  EXPECT_EQ(decode_path("/...", out).value(), "/...");
  EXPECT_EQ(decode_path("/.well-known/x", out).value(), "/.well-known/x");
  EXPECT_EQ(decode_path("/caf%C3%A9", out).value(), "/café");
  for (const char* bad :
       {"", "x", "*", "/.", "/..", "/../x", "/a/../b", "/a/./b", "/a/..", "/%2e%2e/x", "/.%2E/x",
        "/a%2f..%2fb", "/a%00", "/%", "/%zz", "/a%0d%0ab", "/%7f", "/%ff", "/%c0%ae/"}) {
    const auto path = decode_path(bad, out);
    ASSERT_FALSE(path.has_value()) << bad;
    EXPECT_EQ(path.error().status, 400) << bad;
  }
}

using Pairs = std::vector<std::pair<std::string, std::string>>;

TEST(Query, Pairs) {
  const auto pairs_of = [](std::string_view raw) {
    std::string scratch(raw.size(), '?');
    Pairs pairs;
    std::vector<std::pair<std::string_view, std::string_view>> views;
    Query query(raw, scratch);
    while (query.next()) views.emplace_back(query.key(), query.value());
    EXPECT_FALSE(query.failed()) << raw;
    // Only now, so that a pair which a later one overwrites would show.
    for (const auto& [key, value] : views) pairs.emplace_back(key, value);
    return pairs;
  };
  EXPECT_EQ(pairs_of(""), (Pairs{}));
  EXPECT_EQ(pairs_of("&&"), (Pairs{}));
  EXPECT_EQ(pairs_of("topic=a&topic=b"), (Pairs{{"topic", "a"}, {"topic", "b"}}));
  EXPECT_EQ(pairs_of("a"), (Pairs{{"a", ""}}));
  EXPECT_EQ(pairs_of("a=&=b&="), (Pairs{{"a", ""}, {"", "b"}, {"", ""}}));
  EXPECT_EQ(pairs_of("a=b=c"), (Pairs{{"a", "b=c"}}));
  EXPECT_EQ(pairs_of("a+b=c+d%2B"), (Pairs{{"a b", "c d+"}}));
  EXPECT_EQ(pairs_of("a%3Db=c%26d"), (Pairs{{"a=b", "c&d"}}));
  EXPECT_EQ(pairs_of("a=1;b=2"), (Pairs{{"a", "1;b=2"}}));
  EXPECT_EQ(pairs_of("t=%E6%97%A5&x=?/"), (Pairs{{"t", "日"}, {"x", "?/"}}));
}

TEST(Query, Errors) {
  std::array<char, 64> scratch;
  for (const char* bad : {"a=%", "%zz=1", "a=1&b=%4", "a=%00", "a%00=1"}) {
    Query query(bad, scratch);
    while (query.next()) {
    }
    EXPECT_EQ(query.error().status, 400) << bad;
    EXPECT_FALSE(query.next()) << "errors stick";
  }
  Query fits_not("key=value", std::span(scratch).first(4));
  EXPECT_FALSE(fits_not.next());
  EXPECT_EQ(fits_not.error().status, 500);
}

TEST(HttpDate, Table) {
  const auto date = [](std::int64_t second) {
    std::array<char, kHttpDateBytes> out;
    format_http_date(second, out);
    return std::string(out.data(), out.size());
  };
  EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date(4102444799), "Thu, 31 Dec 2099 23:59:59 GMT");
  EXPECT_EQ(date(-1), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(std::numeric_limits<std::int64_t>::max()), "Fri, 31 Dec 9999 23:59:59 GMT");
  HttpDateCache cache;
  EXPECT_EQ(cache.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(784111778), "Sun, 06 Nov 1994 08:49:38 GMT");
}

TEST(HttpStatus, Phrases) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(299), "");
}

}  // namespace
}  // namespace ringcast
