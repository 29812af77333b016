#include "protocol/json_elements.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {
namespace {

using Found = JsonElements::Found;

struct Seen {
  std::vector<std::string> elements;
  Found last = Found::more;
  bool operator==(const Seen&) const = default;
};

// What lies behind the text is readable, and of no importance.
constexpr std::string_view kBehind =
    R"("]}[{,\\"]}[{,\ "]}[{,\\"]}[{,\ "]}[{,\\"]}[{,\ "]}[{,\\"]}[{,\ ,,,)";
static_assert(kBehind.size() >= 64);

// Looks up to each of the places, and then to the end.
Seen scan(const std::string& text, const std::vector<std::size_t>& places = {}) {
  const std::string padded = text + std::string(kBehind);
  JsonElements elements(std::string_view(padded).substr(0, text.size()));
  Seen seen;
  const auto look = [&](std::size_t until) {
    while ((seen.last = elements.next(until)) == Found::element) {
      seen.elements.emplace_back(elements.element());
    }
  };
  for (const std::size_t place : places) look(place);
  look(text.size());
  return seen;
}

std::string nested(std::size_t depth, const std::string& inner = {}) {
  return std::string(depth, '[') + inner + std::string(depth, ']');
}

const std::string kLong(150, 'x');

const std::vector<std::string>& documents() {
  static const std::vector<std::string> all = {
      "[]",
      " [ \t\r\n] \n",
      "[1]",
      "[1, \"a,]}\" ,null,[],{}]",
      R"([{"a":"\"}]\\"},{"b\\":["\\\"",{"c":[[]]}]} , {"d":"\\\\"}])",
      R"(["\\","\\\"",",\\\\\"]"])",
      "[{\"a\":\"" + kLong + "\\\\\",\"b\":[" + kLong + "\"]\"]}, {} ]",
      "[" + nested(70) + "," + nested(70) + "]",
      "[" + std::string(100, ' ') + "{}" + std::string(100, '\n') + ",\t{} ]",
      "[{\"a\":\"" + std::string(63, '\\') + "\"},\"" + std::string(64, '\\') + "\"]",
      "[1 2]",
      "[,]",
      "[1,]",
      "[,1]",
      "[1,,2]",
      "[1",
      "[1,",
      "[",
      "[{\"a\":1}",
      "[{\"a\":\"]}",
      "[\"\\\"]",
      "[{}}",
      "[}",
      "[{}]]",
      "[{}] x",
      "[{}],{}",
      "[{} {}]",
      "[{}[]]",
      "[hello {} ,x]",
      "[\\\"a\\\",{}]",
      "[1]\f",
      "[" + nested(1024) + "]",
      "[" + nested(1025) + "]",
      "[" + std::string(5000, '['),
      "[x" + std::string(5000, '{'),
  };
  return all;
}

TEST(JsonElements, ElementsAsTheyAreWritten) {
  const Seen seen = scan("[ 1 , \"a,]}\\\"\",{\"k\":[1,2]} ,[]\n,true] ");
  EXPECT_EQ(seen.last, Found::end);
  EXPECT_EQ(seen.elements,
            (std::vector<std::string>{"1 ", "\"a,]}\\\"\"", "{\"k\":[1,2]}", "[]", "true"}));
}

TEST(JsonElements, HowArraysEnd) {
  EXPECT_EQ(scan("[]").last, Found::end);
  EXPECT_EQ(scan("[ ]\r\n").last, Found::end);
  for (const std::string cut : {"[", "[1", "[1,", "[{}", "[\"]", "[[]", "[{\"a\":\"\\\"}]"}) {
    EXPECT_EQ(scan(cut).last, Found::more) << cut;
  }
  for (const std::string broken : {"[,]", "[1,]", "[1,,2]", "[{} {}]", "[{}1]", "[}", "[{}}", "[]]",
                                   "[] x", "[],", "[{}][]"}) {
    EXPECT_EQ(scan(broken).last, Found::broken) << broken;
  }
}

TEST(JsonElements, DepthIsBounded) {
  EXPECT_EQ(scan("[" + nested(JsonElements::kMostDepth) + "]").last, Found::end);
  EXPECT_EQ(scan("[" + nested(JsonElements::kMostDepth + 1) + "]").last, Found::too_deep);
  // At once, and not where the text ends.
  EXPECT_EQ(scan(std::string(1 << 20, '['), {2000}).last, Found::too_deep);
}

TEST(JsonElements, WhereItStopsDoesNotMatter) {
  for (const std::string& text : documents()) {
    const Seen whole = scan(text);
    for (std::size_t place = 0; place <= text.size(); ++place) {
      ASSERT_EQ(scan(text, {place}), whole) << text << " at " << place;
    }
    for (const std::size_t step : {1, 2, 3, 7, 31, 63, 64, 65}) {
      std::vector<std::size_t> places;
      for (std::size_t place = 0; place < text.size(); place += step) places.push_back(place);
      ASSERT_EQ(scan(text, places), whole) << text << " every " << step;
    }
  }
}

TEST(JsonElements, BytesOfTheElementUnderWay) {
  const std::string text = "[{},  {\"a\":1}]" + std::string(64, ' ');
  JsonElements elements(std::string_view(text).substr(0, text.size() - 64));
  EXPECT_EQ(elements.next(2), Found::more);
  EXPECT_EQ(elements.begun_bytes(), 1U);
  EXPECT_EQ(elements.next(5), Found::element);
  EXPECT_EQ(elements.next(5), Found::more);
  EXPECT_EQ(elements.begun_bytes(), 0U);
  EXPECT_EQ(elements.next(10), Found::more);
  EXPECT_EQ(elements.begun_bytes(), 4U);
}

TEST(JsonElements, ValuesOfMembers) {
  const auto value = [](std::string object, std::size_t strings, bool last) {
    const std::size_t size = object.size();
    object.append(kBehind);
    return std::string(json_value_behind(std::string_view(object).substr(0, size), strings, last));
  };
  EXPECT_EQ(value(R"({"a":1})", 1, true), "1");
  EXPECT_EQ(value(R"({ "a" : [1, {}] } )", 1, true), "[1, {}]");
  EXPECT_EQ(value(R"({"a":"x\"\\","b" : {"c":",}"} ,"d":"}"})", 3, false), R"({"c":",}"})");
  EXPECT_EQ(value(R"({"\\":"","\"b\\\"":-1.5e3 ,"c":"" })", 3, false), "-1.5e3");
  EXPECT_EQ(value(R"({"a":"","b":null	})", 3, true), "null");
  EXPECT_EQ(value(R"({"a":[[],[]],"b":""})", 1, false), "[[],[]]");
}

// --- Agreement with simdjson ---

class Documents {
 public:
  explicit Documents(unsigned seed) : random_(seed) {}

  std::string array() {
    std::string text = blanks() + "[";
    for (unsigned n = below(6), i = 0; i < n; ++i) text += (i == 0 ? "" : ",") + value(3);
    return text.substr(text.find('[')) + blanks() + "]" + blanks();
  }

  // One to three bytes changed, taken away or put in.
  std::string broken(std::string text) {
    static constexpr std::string_view kBytes = "[]{},:\"\\ 1x\n";
    for (unsigned times = 1 + below(3); times != 0; --times) {
      const std::size_t at = 1 + below(static_cast<unsigned>(text.size()));
      const char byte = kBytes[below(kBytes.size())];
      const unsigned what = at < text.size() ? below(3) : 1;
      if (what == 0) text[at] = byte;
      if (what == 1) text.insert(at, 1, byte);
      if (what == 2) text.erase(at, 1);
    }
    return text;
  }

  unsigned below(unsigned most) { return static_cast<unsigned>(random_() % most); }

 private:
  std::string blanks() {
    static const std::string some[] = {"", "", "", " ", "\n", "\t \r\n", std::string(70, ' ')};
    return some[below(7)];
  }

  std::string string() {
    static const std::string some[] = {"a", "\\\"", "\\\\", ",", "]", "}", "[{", "\\u00e9", kLong};
    std::string text = "\"";
    for (unsigned n = below(4); n != 0; --n) text += some[below(9)];
    return text + "\"";
  }

  std::string value(unsigned depth) {
    static const std::string some[] = {"1", "-2.5e3", "true", "null"};
    const unsigned kind = below(depth == 0 ? 2 : 4);
    std::string text = kind == 0 ? some[below(4)] : string();
    if (kind >= 2) {
      text = kind == 2 ? "[" : "{";
      for (unsigned n = below(4), i = 0; i < n; ++i) {
        text += (i == 0 ? "" : ",") + (kind == 2 ? "" : blanks() + string() + ":");
        text += value(depth - 1);
      }
      text += blanks() + (kind == 2 ? "]" : "}");
    }
    return blanks() + text + blanks();
  }

  std::mt19937 random_;
};

TEST(JsonElements, AgreeWithSimdjson) {
  Documents make(20240);
  simdjson::dom::parser whole_parser;
  simdjson::dom::parser parser;
  unsigned good = 0;
  for (unsigned n = 0; n < 20'000; ++n) {
    const std::string text = n % 2 == 0 ? make.array() : make.broken(make.array());
    if (text.front() != '[') continue;
    const auto whole = whole_parser.parse(text);
    const Seen seen = scan(text, {make.below(static_cast<unsigned>(text.size()) + 1)});
    bool well = seen.last == Found::end;
    std::string elements;
    for (const std::string& element : seen.elements) {
      const auto read = parser.parse(element);
      well = well && read.error() == simdjson::SUCCESS;
      if (read.error() != simdjson::SUCCESS) break;
      elements += (elements.empty() ? "" : ",") + simdjson::minify(read.value_unsafe());
    }
    ASSERT_EQ(well, whole.error() == simdjson::SUCCESS) << text;
    if (!well) continue;
    ASSERT_EQ("[" + elements + "]", std::string(simdjson::minify(whole.value_unsafe()))) << text;
    ++good;
  }
  EXPECT_GT(good, 5'000U);
}

}  // namespace
}  // namespace ringcast
