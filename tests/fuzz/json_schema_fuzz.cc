// Schemas and values, as `SCHEMA NUL VALUE`: whatever the bytes, a schema is compiled or refused
// with a message, and a value is found valid or not; what is put around a schema changes the
// verdict as it has to; and a value is equal to itself.
#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "core/utf8.h"
#include "protocol/mcp/json_schema.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostMessageBytes = 65'536;

enum class Verdict : std::uint8_t { valid, invalid, unknown };

Verdict verdict(const JsonSchema& schema, dom::element value) {
  const std::string problem = schema.check(value);
  RINGCAST_CHECK(problem.size() < kMostMessageBytes && is_valid_utf8(problem));
  RINGCAST_CHECK(problem == schema.check(value));
  if (problem.empty()) return Verdict::valid;
  RINGCAST_CHECK(problem.starts_with("The ") && problem.ends_with('.'));
  return problem.ends_with("to be checked.") ? Verdict::unknown : Verdict::invalid;
}

// Unknown as well if there is no such schema: one level more may be one too many.
Verdict verdict(const std::string& text, dom::element value) {
  const auto schema = JsonSchema::compile(text);
  return schema ? verdict(*schema, value) : Verdict::unknown;
}

Verdict opposite(Verdict one) {
  if (one == Verdict::unknown) return one;
  return one == Verdict::valid ? Verdict::invalid : Verdict::valid;
}

void expect(Verdict is, Verdict wanted) {
  RINGCAST_CHECK(is == wanted || is == Verdict::unknown || wanted == Verdict::unknown);
}

void check_combined(const std::string& schema, Verdict plain, dom::element value) {
  expect(verdict(R"({"not":)" + schema + "}", value), opposite(plain));
  expect(verdict(R"({"allOf":[true,)" + schema + "]}", value), plain);
  expect(verdict(R"({"anyOf":[false,)" + schema + "]}", value), plain);
  expect(verdict(R"({"oneOf":[)" + schema + "]}", value), plain);
  expect(verdict(R"({"oneOf":[)" + schema + ',' + schema + "]}", value), Verdict::invalid);
  expect(verdict(R"({"if":)" + schema + R"(,"then":false})", value), opposite(plain));
  expect(verdict(R"({"$ref":"#/$defs/a","$defs":{"a":)" + schema + "}}", value), plain);
}

void check_items(const std::string& schema, Verdict plain, const std::string& value) {
  dom::parser parser;
  dom::element items;
  if (parser.parse('[' + value + ',' + value + ']').get(items) != simdjson::SUCCESS) return;
  expect(verdict(R"({"items":)" + schema + "}", items), plain);
  expect(verdict(R"({"prefixItems":[true],"items":)" + schema + "}", items), plain);
  expect(verdict(R"({"contains":)" + schema + R"(,"minContains":2})", items), plain);
  expect(verdict(R"({"unevaluatedItems":)" + schema + "}", items), plain);
  // An object of a name twice is equal to nothing certain.
  const Verdict equal = verdict("{\"const\":" + value + '}', items.at(0));
  expect(equal, Verdict::valid);
  if (equal == Verdict::valid) {
    expect(verdict(R"({"uniqueItems":true})", items), Verdict::invalid);
    expect(verdict("{\"not\":{\"enum\":[null," + value + "]}}", items.at(0)), Verdict::invalid);
  }
}

void check_input(std::string_view schema_text, std::string_view value_text) {
  const auto schema = JsonSchema::compile(schema_text);
  if (!schema) {
    const Error& error = schema.error();
    RINGCAST_CHECK(error.code == "bad_schema" && error.message.starts_with("The schema "));
    RINGCAST_CHECK(error.message.size() < kMostMessageBytes);
    return;
  }
  dom::parser parser;
  dom::element value;
  const simdjson::padded_string padded(value_text);
  if (parser.parse(padded).get(value) != simdjson::SUCCESS) return;
  const Verdict plain = verdict(*schema, value);
  // Within another schema, what begins with $ means something else.
  const std::string text(schema_text);
  if (text.contains('$') || text.contains("\\u")) return;
  check_combined(text, plain, value);
  check_items(text, plain, std::string(value_text));
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t middle = input.find('\0');
  if (middle == std::string_view::npos) return 0;
  ringcast::check_input(input.substr(0, middle), input.substr(middle + 1));
  return 0;
}
