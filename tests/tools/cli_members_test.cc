#include "tools/ringcast/cli_members.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace ringcast {
namespace {

constexpr std::array<std::string_view, 2> kTaken = {"action", "ref"};

std::string members(const std::vector<std::string>& words, std::string_view object = {}) {
  const auto result = json_members(words, object, kTaken);
  return result ? *result : "error: " + result.error().message;
}

TEST(JsonMembers, TakesJsonAsItIsAndAnythingElseAsAString) {
  EXPECT_EQ(members({}), "");
  EXPECT_EQ(members({"a=1.50", "b=true", "c=null", "d=[1, 2]", "e={\"x\":{}}", "f=\"q\""}),
            R"("a":1.50,"b":true,"c":null,"d":[1, 2],"e":{"x":{}},"f":"q")");
  EXPECT_EQ(members({"a=", "b=x=y", "c=01", "d=True", "e=[1", "f=\"", "g=1 2", "h=-"}),
            R"("a":"","b":"x=y","c":"01","d":"True","e":"[1","f":"\"","g":"1 2","h":"-")");
  EXPECT_EQ(members({"k\"ü\n=v\x01"}), "\"k\\\"ü\\u000a\":\"v\\u0001\"");
}

TEST(JsonMembers, AddsThoseOfAnObject) {
  EXPECT_EQ(members({}, " {} "), "");
  EXPECT_EQ(members({"a=1"}, R"( {"b": [1, {"c" : null}], "d\u0041": "x\n"} )"),
            R"("a":1,"b":[1,{"c":null}],"dA":"x\n")");
}

TEST(JsonMembers, RefusesWhatHasTwoMeanings) {
  for (const char* word : {"a", "=1", ""}) {
    EXPECT_EQ(members({word}), "error: `" + std::string(word) + "` is no member: write key=value.");
  }
  EXPECT_EQ(members({"a=1", "a=2"}), "error: `a` is given twice.");
  EXPECT_EQ(members({"a=1"}, R"({"a":2})"), "error: `a` is given twice.");
  EXPECT_EQ(members({}, R"({"a":2,"a":3})"), "error: `a` is given twice.");
  EXPECT_EQ(members({"ref=1"}), "error: `ref` is set by ringcast itself.");
  EXPECT_EQ(members({}, R"({"action":"x"})"), "error: `action` is set by ringcast itself.");
  for (const char* object : {"[]", "1", "{", "{} {}", "{'a':1}", R"({"a":})"}) {
    EXPECT_TRUE(members({}, object).starts_with("error: --json takes an object")) << object;
  }
}

}  // namespace
}  // namespace ringcast
