// A compiled schema: flat arrays that refer to each other by index.
//
// A node is a schema: the types it accepts, and rules, cheap ones first. What `first` and `count`
// of a rule are is said with its keyword. Texts and constants stay in the document.
#pragma once

#include <re2/re2.h>
#include <simdjson.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/mcp/json_number.h"

namespace ringcast {

using SchemaIndex = std::uint32_t;  // of a node

inline constexpr SchemaIndex kAnything = 0;  // the schema `true`
inline constexpr SchemaIndex kNothing = 1;   // the schema `false`
inline constexpr SchemaIndex kNoSchema = UINT32_MAX;

// Types of values, as bits. `number` of a schema is number and integer.
enum SchemaTypes : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kObject = 4,
  kArray = 8,
  kString = 16,
  kFraction = 32,  // a number that is no integer
  kInteger = 64,
  kNumber = kFraction | kInteger,
  kAllTypes = 127,
};

// In the order in which rules are tried.
enum class SchemaKeyword : std::uint8_t {
  constant,  // const, enum: values[first, count]
  minimum,   // this and the next four: numbers[first]
  maximum,
  exclusive_minimum,
  exclusive_maximum,
  multiple_of,
  min_length,  // this and the next five: the limit is `first`
  max_length,
  min_items,
  max_items,
  min_properties,
  max_properties,
  pattern,  // patterns[first]
  unique_items,
  required,                // names[first, count]
  members,                 // properties, patternProperties, additionalProperties: members[first]
  property_names,          // the node `first`
  items,                   // prefixItems: children[first, count]; items: children[first + count]
  contains,                // contains[first]
  all_of,                  // and $ref: children[first, count]
  any_of,                  // children[first, count]
  one_of,                  // children[first, count]
  not_,                    // the node `first`
  condition,               // if, then, else: children[first, 3]
  dependent_schemas,       // and dependentRequired: properties[first, count]
  unevaluated_items,       // the node `first`; the rule is one of the node `count`
  unevaluated_properties,  // likewise
};

struct SchemaRule {
  SchemaKeyword keyword = SchemaKeyword::constant;
  std::uint8_t types = kAllTypes;  // of the values it is about
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct SchemaNode {
  std::uint8_t types = kAllTypes;
  std::uint32_t first = 0;  // rules[first, count]
  std::uint32_t count = 0;
};

struct SchemaProperty {
  std::string_view name;
  SchemaIndex schema = kAnything;
};

struct SchemaPatterned {
  std::uint32_t pattern = 0;
  SchemaIndex schema = kAnything;
};

struct SchemaMembers {
  std::uint32_t first = 0;  // properties[first, count], by name
  std::uint32_t count = 0;
  std::uint32_t first_patterned = 0;  // patterned[first_patterned, patterned_count]
  std::uint32_t patterned_count = 0;
  SchemaIndex additional = kNoSchema;
};

struct SchemaContains {
  SchemaIndex schema = kAnything;
  std::uint32_t min = 1;
  std::uint32_t max = UINT32_MAX;
};

struct SchemaTable {
  simdjson::dom::document document;
  SchemaIndex root = kAnything;
  std::vector<SchemaNode> nodes;
  std::vector<SchemaRule> rules;
  std::vector<SchemaIndex> children;
  std::vector<SchemaProperty> properties;
  std::vector<SchemaPatterned> patterned;
  std::vector<SchemaMembers> members;
  std::vector<SchemaContains> contains;
  std::vector<std::string_view> names;
  std::vector<simdjson::dom::element> values;
  std::vector<JsonNumber> numbers;
  std::vector<std::unique_ptr<const re2::RE2>> patterns;

  std::span<const SchemaRule> rules_of(const SchemaNode& node) const {
    return std::span(rules).subspan(node.first, node.count);
  }
  std::span<const SchemaIndex> children_of(const SchemaRule& rule) const {
    return std::span(children).subspan(rule.first, rule.count);
  }
};

}  // namespace ringcast
