// Schemas for the arguments of tools: what is said about values and about schemas, and the limits.
#include "protocol/mcp/json_schema.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <string>
#include <utility>
#include <vector>

namespace ringcast {
namespace {

std::string schema_problem(std::string_view text) {
  const auto schema = JsonSchema::compile(text);
  if (schema) return "";
  EXPECT_EQ(schema.error().code, "bad_schema");
  return schema.error().message;
}

std::string check(std::string_view schema_text, std::string_view value_text) {
  const auto schema = JsonSchema::compile(schema_text);
  if (!schema) return schema.error().message;
  simdjson::dom::parser parser;
  simdjson::dom::element value;
  if (parser.parse(simdjson::padded_string(value_text)).get(value) != simdjson::SUCCESS) {
    return "not JSON";
  }
  return schema->check(value);
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

constexpr std::string_view kCall = R"({
  "type": "object",
  "properties": {
    "city": {"type": "string", "minLength": 2, "x-mcp-header": "City"},
    "days": {"type": "integer", "minimum": 1, "maximum": 14, "default": 3},
    "unit": {"enum": ["C", "F"]},
    "places": {"type": "array", "items": {"$ref": "#/$defs/place"}, "maxItems": 2}
  },
  "required": ["city", "days"],
  "additionalProperties": false,
  "$defs": {"place": {"type": "object", "properties": {"at": {"type": "number"}}}}
})";

TEST(JsonSchema, ArgumentsOfATool) {
  for (const auto& [value, problem] : std::vector<std::pair<std::string, std::string>>{
           {R"({"city":"Ulm","days":3,"unit":"C","places":[{"at":1.5},{}]})", ""},
           {R"({"city":"Ulm","days":14.0})", ""},
           {R"([])", "The value must be an object, but is an array."},
           {R"({"days":3})", "The value lacks the required member `city`."},
           {R"({})", "The value lacks the required members `city`, `days`."},
           {R"({"city":"U","days":3})",
            "The value at /city must have at least 2 characters, but has 1."},
           {R"({"city":"Ulm","days":1.5})",
            "The value at /days must be an integer, but is a number with a fraction."},
           {R"({"city":"Ulm","days":15})", "The value at /days must be at most 14, but is 15."},
           {R"({"city":"Ulm","days":3,"unit":"K"})",
            R"(The value at /unit must be one of "C", "F".)"},
           {R"({"city":"Ulm","days":3,"day":1})",
            "The value at /day is not allowed: members are `city`, `days`, `places`, `unit`."},
           {R"({"city":"Ulm","days":3,"places":[{},{},{}]})",
            "The value at /places must have at most 2 items, but has 3."},
           {R"({"city":"Ulm","days":3,"places":[{},{"at":"x"}]})",
            "The value at /places/1/at must be a number, but is a string."}}) {
    EXPECT_EQ(check(kCall, value), problem) << value;
  }
}

struct Case {
  std::string_view schema;
  std::string_view value;
  std::string_view problem;
};

TEST(JsonSchema, WhatIsSaidAboutValues) {
  const Case cases[] = {
      {R"({"type":["string","null"]})", "1", "must be a string or null, but is an integer"},
      {R"({"type":"number"})", "{}", "must be a number, but is an object"},
      {"false", "1", "is not allowed"},
      {R"({"const":{"a":[1]}})", "1", R"(must be {"a":[1]})"},
      {R"({"exclusiveMinimum":0.5})", "0.5", "must be above 0.5, but is 0.5"},
      {R"({"multipleOf":0.01})", "0.015", "must be a multiple of 0.01, but is 0.015"},
      {R"({"pattern":"^[a-z]+$"})", R"("A")", "must match the pattern ^[a-z]+$"},
      {R"({"minItems":1})", "[]", "must have at least 1 item, but has 0"},
      {R"({"maxProperties":0})", R"({"a":1})", "must have at most 0 members, but has 1"},
      {R"({"uniqueItems":true})", R"([1,{"a":1,"b":[]},{"b":[],"a":1.0}])",
       "must have different items, but item 2 is as item 1"},
      {R"({"items":false,"prefixItems":[true]})", "[1,2]", "must have at most 1 items"},
      {R"({"contains":{"type":"null"}})", "[1]",
       "must have at least 1 items that fit `contains`, but has 0"},
      {R"({"contains":true,"maxContains":1})", "[1,2]",
       "must have at most 1 items that fit `contains`"},
      {R"({"not":{"type":"null"}})", "null", "must not fit the schema of `not`"},
      {R"({"oneOf":[true,false,{"minimum":1}]})", "1",
       "must fit one schema of `oneOf` only, but fits those at 0 and 2"},
      {R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "1",
       "must be a string or null, but is an integer"},
      {R"({"oneOf":[{"const":1,"title":"One"},{"enum":[2,3]}]})", "4", "must be one of 1, 2, 3"},
      {R"({"anyOf":[{"type":"null"},{"minimum":3},{"const":1}]})", "2",
       "fits none of 3 schemas; for the one at 1, the value must be at least 3, but is 2"},
      {R"({"if":{"minimum":5},"then":{"maximum":6},"else":{"const":1}})", "2", "must be 1"},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", "lacks the required member `b`"},
      {R"({"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":{"type":"null"}})",
       R"({"a":1,"b":null})", ""},
  };
  for (const Case& one : cases) {
    const std::string problem(one.problem);
    EXPECT_EQ(check(one.schema, one.value), problem.empty() ? "" : "The value " + problem + ".");
  }
  EXPECT_EQ(check(R"({"propertyNames":{"maxLength":2}})", R"({"a/b":1})"),
            "The name of the member at /a~1b must have at most 2 characters, but has 3.");
  EXPECT_EQ(check(R"({"allOf":[{"properties":{"a":true}}],"unevaluatedProperties":false})",
                  R"({"a":1,"b":null})"),
            "The value at /b is not allowed.");
  EXPECT_EQ(check(R"({"prefixItems":[true],"unevaluatedItems":{"type":"null"}})", "[1,null,2]"),
            "The value at /2 must be null, but is an integer.");
}

TEST(JsonSchema, WhatIsQuotedIsBounded) {
  const std::string name = repeated("é", 10'000);
  const std::string nested = "{\"" + name + "\":" + "{\"" + name + "\":1}}";
  const std::string problem =
      check(R"({"additionalProperties":{"additionalProperties":false}})", nested);
  EXPECT_LT(problem.size(), 1000U);
  EXPECT_TRUE(problem.ends_with("… is not allowed.")) << problem;
  EXPECT_LT(check("{\"const\":\"" + name + "\"}", "1").size(), 200U);
  EXPECT_LT(check("{\"required\":[\"" + name + "\"]}", "{}").size(), 200U);
  EXPECT_LT(check("{\"pattern\":\"" + name + "\"}", "\"\"").size(), 400U);
  std::string many = "{\"enum\":[0";
  for (int i = 1; i < 1000; ++i) many += fmt::format(",{}", i);
  EXPECT_TRUE(check(many + "]}", "null").ends_with("18, 19, …."));
}

TEST(JsonSchema, NumbersByValue) {
  const Case cases[] = {
      {R"({"const":1})", "1.0", ""},
      {R"({"const":9007199254740993})", "9007199254740992", "no"},
      {R"({"const":9007199254740992})", "9007199254740992.0", ""},
      {R"({"const":9007199254740993})", "9007199254740992.0", "no"},
      {R"({"maximum":18446744073709551614})", "18446744073709551615", "no"},
      {R"({"maximum":1.8446744073709552e19})", "18446744073709551615", ""},
      {R"({"minimum":-0.5})", "-1", "no"},
      {R"({"minimum":-0.5})", "0", ""},
      {R"({"exclusiveMaximum":0.5})", "0", ""},
      {R"({"minimum":1e300})", "18446744073709551615", "no"},
      {R"({"maximum":-1e300})", "-1e301", ""},
      {R"({"type":"integer"})", "1e300", ""},
      {R"({"multipleOf":0.0001})", "0.0075", ""},
      {R"({"multipleOf":0.1})", "0.3", ""},
      {R"({"multipleOf":0.1})", "0.35", "no"},
      {R"({"multipleOf":0.5})", "1e308", ""},
      {R"({"multipleOf":2})", "9007199254740993", "no"},
      {R"({"maxLength":2.0})", R"("äö")", ""},
      {R"({"maxLength":1e300})", R"("äö")", ""},
      {R"({"minLength":1e300})", R"("äö")", "no"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(check(one.schema, one.value).empty(), one.problem.empty())
        << one.schema << ' ' << one.value;
  }
}

TEST(JsonSchema, EachOfSeveralMembersOfANameIsChecked) {
  constexpr std::string_view kSchema = R"({"properties":{"a":{"type":"string"}}})";
  EXPECT_NE(check(kSchema, R"({"a":1,"a":"x"})"), "");
  EXPECT_NE(check(kSchema, R"({"a":"x","a":1})"), "");
  EXPECT_NE(check(R"({"const":{"a":1,"b":2}})", R"({"a":1,"a":1})"), "");
}

TEST(JsonSchema, ReferencesWithinTheDocument) {
  constexpr std::string_view kTree = R"({
    "$schema": "http://json-schema.org/draft-07/schema#", "$id": "https://tree.example",
    "properties": {"value": {"type": "integer"}, "children": {"items": {"$ref": "#"}}},
    "additionalProperties": false})";
  EXPECT_EQ(check(kTree, R"({"value":1,"children":[{"value":2,"children":[]},{}]})"), "");
  EXPECT_EQ(check(kTree, R"({"children":[{},{"children":[{"value":"x"}]}]})"),
            "The value at /children/1/children/0/value must be an integer, but is a string.");
  constexpr std::string_view kNames = R"({
    "$defs": {"a/b%": {"type": "null"}, "c": {"$anchor": "here", "type": "string"}},
    "x-own": [{"const": 1}],
    "prefixItems": [{"$ref": "#/$defs/a~1b%25"}, {"$ref": "#here"}, {"$ref": "#/x-own/0"}]})";
  EXPECT_EQ(check(kNames, R"([null,"x",1])"), "");
  EXPECT_NE(check(kNames, R"([1])"), "");
  EXPECT_NE(check(kNames, R"([null,1])"), "");
  EXPECT_NE(check(kNames, R"([null,"x",2])"), "");
}

TEST(JsonSchema, WhatIsSaidAboutSchemas) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"", "The schema is not JSON: "},
      {"[]", "The schema must be an object, true or false."},
      {R"({"type":"text"})", "The schema at /type must be a type, or several."},
      {R"({"type":["string",1]})", "The schema at /type has an item that is no type."},
      {R"({"properties":{"a/b":{"minimum":"1"}}})",
       "The schema at /properties/a~1b/minimum must be a number."},
      {R"({"allOf":[{"maxItems":1.5}]})",
       "The schema at /allOf/0/maxItems must be an integer of 0 or more."},
      {R"({"multipleOf":0})", "The schema at /multipleOf must be above 0."},
      {R"({"enum":1})", "The schema at /enum must be an array."},
      {R"({"anyOf":[]})", "The schema at /anyOf must be an array of schemas, of one at least."},
      {R"({"required":"a"})", "The schema at /required must be an array of strings."},
      {R"({"properties":{"a":1}})",
       "The schema at /properties/a must be an object, true or false."},
      {R"({"items":[true]})",
       "The schema at /items is an array, which is not supported: 2020-12 has `prefixItems` for "
       "it."},
      {R"~({"pattern":"(?=a)"})~", "The schema at /pattern is a pattern that is not supported: "},
      {R"({"pattern":"x{9999}"})", "The schema at /pattern is a pattern that is not supported: "},
      {R"({"patternProperties":{"(":true}})",
       "The schema at /patternProperties/( is a pattern that is not supported: "},
      {R"({"enum":[{"a":1,"a":2}]})", "The schema at /enum/0/a is there twice."},
      {R"({"$schema":"https://json-schema.org/draft/2019-09/schema"})",
       "The schema at /$schema is not supported: only 2020-12 and draft-07 are."},
      {R"({"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{}})",
       "The schema at /dependencies is not supported; 2020-12 has other keywords for it."},
      {R"({"items":{"$id":"a"}})", "The schema at /items/$id is not supported but in the root."},
      {R"({"$dynamicRef":"#a"})", "The schema at /$dynamicRef is not supported."},
      {R"({"$vocabulary":{}})", "The schema at /$vocabulary is not supported."},
      {R"({"$ref":"other.json#/a"})",
       "The schema at /$ref is not supported: it leads to another document."},
      {R"({"not":{"$ref":"#/a"}})", "The schema at /not/$ref refers to a place that is not there."},
      {R"({"not":{"$ref":"#a"}})",
       "The schema at /not/$ref refers to an anchor that is not there."},
      {R"({"not":{"$ref":"#/%"}})", "The schema at /not/$ref has a % without"},
      {R"({"$anchor":"1"})", "The schema at /$anchor must be a letter or _"},
      {R"({"$anchor":"a","not":{"$anchor":"a"}})", "The schema at /not/$anchor is there twice."},
      {R"({"$ref":"#/a","a":{"minimum":true}})", "The schema at /a/minimum must be a number."},
  };
  for (const auto& [schema, problem] : cases) {
    const std::string said = schema_problem(schema);
    EXPECT_TRUE(said.starts_with(problem)) << schema << ": " << said;
  }
  EXPECT_EQ(schema_problem(R"({"dependencies":1,"additionalItems":1,"format":1,"x-own":1})"), "");
}

TEST(JsonSchema, CirclesAtTheSameValueAreRefused) {
  for (const std::string_view schema :
       {R"({"$ref":"#"})", R"({"not":{"$ref":"#"}})", R"({"if":true,"else":{"$ref":"#"}})",
        R"({"dependentSchemas":{"a":{"$ref":"#"}}})",
        R"({"items":{"$ref":"#/$defs/a"}, "$defs":{
              "a":{"anyOf":[{"$ref":"#/$defs/b"}]}, "b":{"oneOf":[{"$ref":"#/$defs/a"}]}}})"}) {
    EXPECT_TRUE(schema_problem(schema).contains("$ref leads back to itself")) << schema;
  }
  std::string chain = R"({"$ref":"#/$defs/0","$defs":{)";
  for (int i = 0; i < 5000; ++i) chain += fmt::format(R"("{}":{{"$ref":"#/$defs/{}"}},)", i, i + 1);
  EXPECT_TRUE(schema_problem(chain + R"("5000":true}})").contains("too many references"));
}

TEST(JsonSchema, SchemasAreBounded) {
  const std::string padding(JsonSchema::kMostBytes - 2, ' ');
  EXPECT_EQ(schema_problem("{}" + padding), "");
  EXPECT_EQ(schema_problem("{} " + padding), "The schema has more than 262144 bytes.");
  const auto nested = [](std::size_t levels) {
    return repeated(R"({"not":)", levels) + "{}" + repeated("}", levels);
  };
  EXPECT_EQ(schema_problem(nested(JsonSchema::kMostNesting - 2)), "");
  EXPECT_EQ(schema_problem(nested(JsonSchema::kMostNesting)),
            "The schema is nested more than 64 deep.");
  std::string patterns = R"({"patternProperties":{"x":true)";
  for (std::size_t i = 1; i < JsonSchema::kMostPatterns; ++i) {
    patterns += fmt::format(R"(,"{}":true)", i);
  }
  EXPECT_EQ(schema_problem(patterns + "}}"), "");
  EXPECT_EQ(schema_problem(patterns + R"(},"pattern":"x"})"),
            "The schema at /pattern is one of more than 64 patterns.");
  constexpr std::string_view kLarge = R"([\\p{L}]{1,60})";
  EXPECT_EQ(schema_problem(
                fmt::format(R"({{"allOf":[{{"pattern":"{0}"}},{{"pattern":"{0}"}}]}})", kLarge)),
            "The schema at /allOf/1/pattern is a pattern that is not supported: "
            "all together are too large.");
  // Long names in the pointers of many places.
  const std::string name(100'000, 'n');
  std::string many = "{\"properties\":{\"" + name + "\":{\"allOf\":[true";
  for (int i = 0; i < 5000; ++i) many += R"(,{"$ref":"#/a"})";
  EXPECT_LT(schema_problem(many + "]}}}").size(), 1000U);
}

TEST(JsonSchema, ChecksAreBounded) {
  constexpr std::string_view kDeep = "The value is nested too deep to be checked.";
  constexpr std::string_view kComplex = "The value is too complex to be checked.";
  const std::string arrays = repeated("[", 200) + repeated("]", 200);
  EXPECT_EQ(check(R"({"items":{"$ref":"#"}})", arrays), kDeep);
  EXPECT_EQ(check(R"({"not":{"items":{"$ref":"#/not"}}})", arrays), kDeep);
  EXPECT_EQ(check(R"({"items":{"$ref":"#"}})", repeated("[", 60) + repeated("]", 60)), "");
  EXPECT_EQ(check(R"({"items":{"uniqueItems":true}})", "[[" + arrays + ',' + arrays + "]]"), kDeep);

  // Two alternatives at each of thirty levels.
  std::string doubling = R"({"$ref":"#/$defs/0","$defs":{)";
  for (int i = 0; i < 30; ++i) {
    doubling += fmt::format(
        R"("{}":{{"allOf":[{{"$ref":"#/$defs/{}"}},{{"$ref":"#/$defs/{}"}}]}},)", i, i + 1, i + 1);
  }
  EXPECT_EQ(check(doubling + R"("30":{"minimum":0}}})", "1"), kComplex);
  EXPECT_EQ(check(R"({"not":)" + doubling + R"("30":{"minimum":0}}}})", "1"),
            "The schema at /not/$ref refers to a place that is not there.");

  const std::string many = "[0" + repeated(",0", 150'000) + "]";
  EXPECT_EQ(check(R"({"items":{"type":"integer"}})", many), kComplex);
  EXPECT_EQ(check(R"({"not":{"items":{"type":"string"}}})", many), "");
  EXPECT_EQ(check(R"({"not":{"contains":{"type":"string"}}})", many), kComplex);
  EXPECT_EQ(check(R"({"pattern":"(x+x+)+y"})", '"' + std::string(10'000, 'x') + '"'),
            "The value must match the pattern (x+x+)+y.");
  EXPECT_EQ(check(R"({"pattern":"[\\p{L}]{1,60}"})", '"' + std::string(10'000, 'x') + '"'),
            kComplex);
  EXPECT_EQ(check(R"({"maxLength":1000000000})", '"' + std::string(8'000'000, 'x') + '"'),
            kComplex);
}

TEST(JsonSchema, ManyItemsMayBeUnique) {
  std::string items = R"([{"n":[0,"x"]})";
  for (int i = 1; i < 5000; ++i) items += fmt::format(R"(,{{"n":[{},"x"]}})", i);
  EXPECT_EQ(check(R"({"uniqueItems":true})", items + "]"), "");
  EXPECT_EQ(check(R"({"uniqueItems":true})", items + R"(,{"n":[4711.0,"x"]}])"),
            "The value must have different items, but item 5000 is as item 4711.");
}

TEST(JsonSchema, MayBeMoved) {
  auto first = JsonSchema::compile(R"({"const":"x"})");
  ASSERT_TRUE(first.has_value());
  const JsonSchema second = *std::move(first);
  simdjson::dom::parser parser;
  EXPECT_EQ(second.check(parser.parse(R"("x")"_padded).value()), "");
  EXPECT_EQ(second.check(parser.parse("1"_padded).value()), R"(The value must be "x".)");
}

}  // namespace
}  // namespace ringcast
