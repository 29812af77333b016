// Schemas for the arguments of tools: JSON Schema 2020-12 (Core and Validation), within one
// document.
//
//   auto schema = JsonSchema::compile(R"({"type":"object","required":["city"]})");
//   std::string problem = schema->check(arguments);  // "The value lacks the required member
//   `city`."
//
// All keywords of Core §10 and §11 and of Validation §6 are there; Validation §7 to §9 (`format`,
// `contentEncoding`, `title`, `default` and the like) say nothing about validity and are ignored,
// as are unknown keywords. What follows is refused by compile(), so that no schema means less than
// it says:
// - references to other documents, `$id` anywhere but at the root, `$dynamicRef`, `$vocabulary`,
// and
//   every `$schema` but those of 2020-12 and draft-07; of draft-07, what is written otherwise today
//   (`dependencies`, `additionalItems`, an array in `items`);
// - schemas that refer to themselves without going deeper into the value;
// - names that an object of the schema has twice;
// - patterns RE2 does not take: lookaround, back-references, \u, more than 1000 repetitions.
//   Patterns mean what they mean in RE2: \s is ASCII, a dot is any character but a line feed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

// Declared, not included: who only registers tools need not read all of simdjson.
namespace simdjson::dom {
class element;
}

namespace ringcast {

struct SchemaTable;

class JsonSchema {
 public:
  static constexpr std::size_t kMostBytes = 262'144;
  static constexpr std::size_t kMostNesting = 64;   // of the schema's text
  static constexpr std::size_t kMostPatterns = 64;  // `pattern` and names in `patternProperties`
  static constexpr std::uint32_t kMostPatternInstructions = 131'072;  // of all, as RE2 counts
  static constexpr std::uint32_t kMostDepth = 128;  // schemas that are applied within each other
  static constexpr std::uint32_t kMostSteps = 100'000;

  // `schema` is JSON text, and copied. Error: bad_schema; the message names the place, as a JSON
  // pointer, and what is wrong there or not supported.
  static Result<JsonSchema> compile(std::string_view schema);

  JsonSchema(JsonSchema&&) noexcept;
  JsonSchema& operator=(JsonSchema&&) noexcept;
  ~JsonSchema();

  // Empty if the value is valid; otherwise a sentence for whoever made the value: where, as a JSON
  // pointer, and why not. A value that is too deep, or takes too many steps (about one for each
  // member, item and alternative, for 64 bytes of text that is compared, and for 1024 times that a
  // byte meets an instruction of a pattern, of which a short one has 20), is not valid either. Of
  // members of the same name each has to be valid.
  //
  // For a valid value it allocates nothing, but for what RE2 remembers of its patterns, and for
  // `uniqueItems` of more than 32 items. Any number of threads may check at once.
  std::string check(simdjson::dom::element value) const;

 private:
  explicit JsonSchema(std::unique_ptr<const SchemaTable> table);

  std::unique_ptr<const SchemaTable> table_;
};

}  // namespace ringcast
