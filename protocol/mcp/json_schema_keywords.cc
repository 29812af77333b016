// What each keyword of a schema becomes.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/utf8.h"
#include "net/url.h"
#include "protocol/mcp/json_schema.h"
#include "protocol/mcp/json_schema_compiler.h"

namespace ringcast {

namespace dom = simdjson::dom;

namespace {

constexpr std::size_t kMostWhyBytes = 200;  // of what RE2 says
constexpr std::int64_t kMostPatternBytes = 4 << 20;

template <class T>
std::uint32_t size_of(const std::vector<T>& values) {
  return static_cast<std::uint32_t>(values.size());
}

std::uint32_t bit(SchemaKeyword keyword) { return 1U << static_cast<unsigned>(keyword); }

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 7> kTypeNames{{
    {"null", kNull},
    {"boolean", kBoolean},
    {"object", kObject},
    {"array", kArray},
    {"string", kString},
    {"number", kNumber},
    {"integer", kInteger},
}};

// 0 if there is no such type.
std::uint8_t type_bits(dom::element value) {
  std::string_view name;
  if (value.get(name) != simdjson::SUCCESS) return 0;
  const auto known = std::ranges::find(kTypeNames, name, &decltype(kTypeNames)::value_type::first);
  return known == kTypeNames.end() ? 0 : known->second;
}

bool is_anchor(std::string_view name) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && is_letter(name.front()) && std::ranges::all_of(name, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

}  // namespace

const SchemaCompiler::Keyword* SchemaCompiler::find_keyword(std::string_view name) {
  using Self = SchemaCompiler;
  using enum SchemaKeyword;
  static constexpr Keyword kKeywords[] = {
      {"$schema", &Self::dialect},
      {"$id", &Self::id},
      {"$anchor", &Self::anchor},
      {"$ref", &Self::reference, all_of},
      {"$defs", &Self::definitions},
      {"definitions", &Self::definitions},
      {"$dynamicRef", &Self::unsupported},
      {"$dynamicAnchor", &Self::unsupported},
      {"$recursiveRef", &Self::unsupported},
      {"$recursiveAnchor", &Self::unsupported},
      {"$vocabulary", &Self::unsupported},
      {"dependencies", &Self::only_draft7},
      {"additionalItems", &Self::only_draft7},
      {"type", &Self::type},
      {"const", &Self::constant, constant},
      {"enum", &Self::enumeration, constant},
      {"minimum", &Self::number, minimum, kNumber},
      {"maximum", &Self::number, maximum, kNumber},
      {"exclusiveMinimum", &Self::number, exclusive_minimum, kNumber},
      {"exclusiveMaximum", &Self::number, exclusive_maximum, kNumber},
      {"multipleOf", &Self::number, multiple_of, kNumber},
      {"minLength", &Self::size, min_length, kString},
      {"maxLength", &Self::size, max_length, kString},
      {"minItems", &Self::size, min_items, kArray},
      {"maxItems", &Self::size, max_items, kArray},
      {"minProperties", &Self::size, min_properties, kObject},
      {"maxProperties", &Self::size, max_properties, kObject},
      {"pattern", &Self::pattern, SchemaKeyword::pattern, kString},
      {"uniqueItems", &Self::unique_items, SchemaKeyword::unique_items, kArray},
      {"required", &Self::required, SchemaKeyword::required, kObject},
      {"properties", &Self::members, SchemaKeyword::members, kObject},
      {"patternProperties", &Self::members, SchemaKeyword::members, kObject},
      {"additionalProperties", &Self::members, SchemaKeyword::members, kObject},
      {"propertyNames", &Self::one_schema, property_names, kObject},
      {"items", &Self::items, SchemaKeyword::items, kArray},
      {"prefixItems", &Self::items, SchemaKeyword::items, kArray},
      {"contains", &Self::contains, SchemaKeyword::contains, kArray},
      {"minContains", &Self::contains, SchemaKeyword::contains, kArray},
      {"maxContains", &Self::contains, SchemaKeyword::contains, kArray},
      {"allOf", &Self::branches, all_of},
      {"anyOf", &Self::branches, any_of},
      {"oneOf", &Self::branches, one_of},
      {"not", &Self::one_schema, not_},
      {"if", &Self::condition, SchemaKeyword::condition},
      {"then", &Self::condition, SchemaKeyword::condition},
      {"else", &Self::condition, SchemaKeyword::condition},
      {"dependentRequired", &Self::dependent_required, SchemaKeyword::dependent_schemas, kObject},
      {"dependentSchemas", &Self::dependent_schemas, SchemaKeyword::dependent_schemas, kObject},
      {"unevaluatedItems", &Self::one_schema, unevaluated_items, kArray},
      {"unevaluatedProperties", &Self::one_schema, unevaluated_properties, kObject},
  };
  const auto known = std::ranges::find(kKeywords, name, &Keyword::name);
  return known == std::ranges::end(kKeywords) ? nullptr : &*known;
}

bool SchemaCompiler::unsupported(Draft&, const Keyword&, Element, const JsonPlace& place) {
  return refuse(place, "is not supported");
}

bool SchemaCompiler::only_draft7(Draft&, const Keyword&, Element, const JsonPlace& place) {
  return !draft7_ || refuse(place, "is not supported; 2020-12 has other keywords for it");
}

bool SchemaCompiler::dialect(Draft&, const Keyword&, Element value, const JsonPlace& place) {
  std::string_view uri;
  if (value.get(uri) != simdjson::SUCCESS) return refuse(place, "must be a string");
  if (uri.ends_with('#')) uri.remove_suffix(1);
  const bool known = uri == "https://json-schema.org/draft/2020-12/schema" ||
                     uri == "http://json-schema.org/draft-07/schema" ||
                     uri == "https://json-schema.org/draft-07/schema";
  return known || refuse(place, "is not supported: only 2020-12 and draft-07 are");
}

bool SchemaCompiler::id(Draft& draft, const Keyword&, Element, const JsonPlace& place) {
  const bool is_root = draft.place.up == nullptr && draft.place.name.empty();
  return is_root || refuse(place, "is not supported but in the root");
}

bool SchemaCompiler::anchor(Draft& draft, const Keyword&, Element value, const JsonPlace& place) {
  std::string_view name;
  if (value.get(name) != simdjson::SUCCESS || !is_anchor(name)) {
    return refuse(place, "must be a letter or _, then letters, digits, -, _, and .");
  }
  return anchors_.emplace(name, draft.index).second || refuse(place, "is there twice");
}

bool SchemaCompiler::reference(Draft& draft, const Keyword& keyword, Element value,
                               const JsonPlace& place) {
  std::string_view uri;
  if (value.get(uri) != simdjson::SUCCESS) return refuse(place, "must be a string");
  if (!uri.starts_with('#')) {
    return refuse(place, "is not supported: it leads to another document");
  }
  std::string target(uri.substr(1));
  const auto decoded = percent_decode(target, target);
  if (!decoded) return refuse(place, "has a % without two hexadecimal digits, or %00");
  target.resize(decoded->size());
  const std::uint32_t child = size_of(table_.children);
  table_.children.push_back(kAnything);
  references_.push_back({child, std::move(target), json_pointer(place)});
  draft.rules.push_back({keyword.rule, keyword.types, child, 1});
  return true;
}

bool SchemaCompiler::definitions(Draft&, const Keyword&, Element value, const JsonPlace& place) {
  std::vector<SchemaProperty> definitions;
  return named_schemas(value, place, definitions);
}

bool SchemaCompiler::type(Draft& draft, const Keyword&, Element value, const JsonPlace& place) {
  std::uint8_t types = type_bits(value);
  dom::array array;
  if (value.get(array) == simdjson::SUCCESS) {
    for (const Element name : array) {
      const std::uint8_t bits = type_bits(name);
      types |= bits;
      if (bits == 0) return refuse(place, "has an item that is no type");
    }
  }
  draft.types = types;
  return types != 0 || refuse(place, "must be a type, or several");
}

bool SchemaCompiler::constant(Draft& draft, const Keyword& keyword, Element value,
                              const JsonPlace&) {
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.values), 1});
  table_.values.push_back(value);
  return true;
}

bool SchemaCompiler::enumeration(Draft& draft, const Keyword& keyword, Element value,
                                 const JsonPlace& place) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return refuse(place, "must be an array");
  const std::uint32_t first = size_of(table_.values);
  for (const Element one : array) table_.values.push_back(one);
  draft.rules.push_back({keyword.rule, keyword.types, first, size_of(table_.values) - first});
  return true;
}

bool SchemaCompiler::number(Draft& draft, const Keyword& keyword, Element value,
                            const JsonPlace& place) {
  if (!value.is_number()) return refuse(place, "must be a number");
  const JsonNumber limit = json_number(value);
  if (keyword.rule == SchemaKeyword::multiple_of && compare(limit, {}) <= 0) {
    return refuse(place, "must be above 0");
  }
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.numbers), 1});
  table_.numbers.push_back(limit);
  return true;
}

bool SchemaCompiler::size_value(Element value, const JsonPlace& place, std::uint32_t& size) {
  const JsonNumber number = value.is_number() ? json_number(value) : JsonNumber{.integer = -1};
  if (!is_integer(number) || compare(number, {}) < 0) {
    return refuse(place, "must be an integer of 0 or more");
  }
  // No document is as large as that.
  size = number.exact && number.integer < UINT32_MAX ? static_cast<std::uint32_t>(number.integer)
                                                     : UINT32_MAX;
  return true;
}

bool SchemaCompiler::size(Draft& draft, const Keyword& keyword, Element value,
                          const JsonPlace& place) {
  std::uint32_t limit = 0;
  if (!size_value(value, place, limit)) return false;
  draft.rules.push_back({keyword.rule, keyword.types, limit, 0});
  return true;
}

bool SchemaCompiler::regex(std::string_view text, const JsonPlace& place, std::uint32_t& index) {
  if (table_.patterns.size() >= JsonSchema::kMostPatterns) {
    return refuse(place, fmt::format("is one of more than {} patterns", JsonSchema::kMostPatterns));
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_never_capture(true);
  options.set_max_mem(kMostPatternBytes);  // of the program, and what is remembered while matching
  auto regex =
      std::make_unique<const re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!regex->ok()) {
    return refuse(place, fmt::format("is a pattern that is not supported: {}",
                                     cut_utf8(regex->error(), kMostWhyBytes)));
  }
  pattern_instructions_ += static_cast<std::uint32_t>(regex->ProgramSize());
  if (pattern_instructions_ > JsonSchema::kMostPatternInstructions) {
    return refuse(place, "is a pattern that is not supported: all together are too large");
  }
  index = size_of(table_.patterns);
  table_.patterns.push_back(std::move(regex));
  return true;
}

bool SchemaCompiler::pattern(Draft& draft, const Keyword& keyword, Element value,
                             const JsonPlace& place) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return refuse(place, "must be a string");
  std::uint32_t index = 0;
  if (!regex(text, place, index)) return false;
  draft.rules.push_back({keyword.rule, keyword.types, index, 1});
  return true;
}

bool SchemaCompiler::unique_items(Draft& draft, const Keyword& keyword, Element value,
                                  const JsonPlace& place) {
  bool unique = false;
  if (value.get(unique) != simdjson::SUCCESS) return refuse(place, "must be true or false");
  if (unique) draft.rules.push_back({keyword.rule, keyword.types, 0, 0});
  return true;
}

bool SchemaCompiler::names(Element value, const JsonPlace& place, SchemaRule& rule) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS) return refuse(place, "must be an array of strings");
  rule.first = size_of(table_.names);
  for (const Element one : array) {
    std::string_view name;
    if (one.get(name) != simdjson::SUCCESS) return refuse(place, "must be an array of strings");
    table_.names.push_back(name);
  }
  rule.count = size_of(table_.names) - rule.first;
  return true;
}

bool SchemaCompiler::required(Draft& draft, const Keyword& keyword, Element value,
                              const JsonPlace& place) {
  SchemaRule rule{keyword.rule, keyword.types};
  if (!names(value, place, rule)) return false;
  if (rule.count > 0) draft.rules.push_back(rule);
  return true;
}

bool SchemaCompiler::fellow(const Draft& draft, std::string_view name, SchemaIndex& index) {
  Element value;
  if (draft.object.at_key(name).get(value) != simdjson::SUCCESS) return true;
  return schema(value, {.up = &draft.place, .name = name}, index);
}

bool SchemaCompiler::fellow_size(const Draft& draft, std::string_view name, std::uint32_t& size) {
  Element value;
  if (draft.object.at_key(name).get(value) != simdjson::SUCCESS) return true;
  return size_value(value, {.up = &draft.place, .name = name}, size);
}

bool SchemaCompiler::named_schemas(Element value, const JsonPlace& place,
                                   std::vector<SchemaProperty>& named) {
  Object object;
  if (value.get(object) != simdjson::SUCCESS) return refuse(place, "must be an object of schemas");
  for (const auto [name, member] : object) {
    SchemaIndex index = kAnything;
    if (!schema(member, {.up = &place, .name = name}, index)) return false;
    named.push_back({name, index});
  }
  std::ranges::sort(named, {}, &SchemaProperty::name);
  return true;
}

bool SchemaCompiler::patterned(const Draft& draft, SchemaMembers& members) {
  Element value;
  constexpr std::string_view kName = "patternProperties";
  if (draft.object.at_key(kName).get(value) != simdjson::SUCCESS) return true;
  const JsonPlace place{.up = &draft.place, .name = kName};
  std::vector<SchemaProperty> named;
  if (!named_schemas(value, place, named)) return false;
  members.first_patterned = size_of(table_.patterned);
  members.patterned_count = size_of(named);
  for (const SchemaProperty& one : named) {
    std::uint32_t index = 0;
    if (!regex(one.name, {.up = &place, .name = one.name}, index)) return false;
    table_.patterned.push_back({index, one.schema});
  }
  return true;
}

bool SchemaCompiler::members(Draft& draft, const Keyword& keyword, Element, const JsonPlace&) {
  if ((draft.done & bit(keyword.rule)) != 0) return true;
  draft.done |= bit(keyword.rule);
  SchemaMembers members;
  std::vector<SchemaProperty> named;
  Element value;
  if (draft.object.at_key("properties").get(value) == simdjson::SUCCESS &&
      !named_schemas(value, {.up = &draft.place, .name = "properties"}, named)) {
    return false;
  }
  if (!patterned(draft, members) || !fellow(draft, "additionalProperties", members.additional)) {
    return false;
  }
  members.first = size_of(table_.properties);
  members.count = size_of(named);
  table_.properties.insert(table_.properties.end(), named.begin(), named.end());
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.members), 1});
  table_.members.push_back(members);
  return true;
}

bool SchemaCompiler::schemas(Element value, const JsonPlace& place,
                             std::vector<SchemaIndex>& indices) {
  dom::array array;
  if (value.get(array) != simdjson::SUCCESS || array.size() == 0) {
    return refuse(place, "must be an array of schemas, of one at least");
  }
  for (const Element one : array) {
    SchemaIndex index = kAnything;
    if (!schema(one, {.up = &place, .index = indices.size()}, index)) return false;
    indices.push_back(index);
  }
  return true;
}

bool SchemaCompiler::branches(Draft& draft, const Keyword& keyword, Element value,
                              const JsonPlace& place) {
  std::vector<SchemaIndex> indices;
  if (!schemas(value, place, indices)) return false;
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.children), size_of(indices)});
  table_.children.insert(table_.children.end(), indices.begin(), indices.end());
  return true;
}

bool SchemaCompiler::items(Draft& draft, const Keyword& keyword, Element, const JsonPlace&) {
  if ((draft.done & bit(keyword.rule)) != 0) return true;
  draft.done |= bit(keyword.rule);
  Element value;
  std::vector<SchemaIndex> indices;
  if (draft.object.at_key("prefixItems").get(value) == simdjson::SUCCESS &&
      !schemas(value, {.up = &draft.place, .name = "prefixItems"}, indices)) {
    return false;
  }
  if (draft.object.at_key("items").get(value) == simdjson::SUCCESS && value.is_array()) {
    return refuse({.up = &draft.place, .name = "items"},
                  "is an array, which is not supported: 2020-12 has `prefixItems` for it");
  }
  const std::uint32_t count = size_of(indices);
  indices.push_back(kNoSchema);
  if (!fellow(draft, "items", indices.back())) return false;
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.children), count});
  table_.children.insert(table_.children.end(), indices.begin(), indices.end());
  return true;
}

bool SchemaCompiler::contains(Draft& draft, const Keyword& keyword, Element, const JsonPlace&) {
  if ((draft.done & bit(keyword.rule)) != 0) return true;
  draft.done |= bit(keyword.rule);
  SchemaContains contains{.schema = kNoSchema};
  if (!fellow(draft, "contains", contains.schema) ||
      !fellow_size(draft, "minContains", contains.min) ||
      !fellow_size(draft, "maxContains", contains.max)) {
    return false;
  }
  if (contains.schema == kNoSchema) return true;
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.contains), 1});
  table_.contains.push_back(contains);
  return true;
}

bool SchemaCompiler::condition(Draft& draft, const Keyword& keyword, Element, const JsonPlace&) {
  if ((draft.done & bit(keyword.rule)) != 0) return true;
  draft.done |= bit(keyword.rule);
  std::array<SchemaIndex, 3> parts{kNoSchema, kAnything, kAnything};
  if (!fellow(draft, "if", parts[0]) || !fellow(draft, "then", parts[1]) ||
      !fellow(draft, "else", parts[2])) {
    return false;
  }
  if (parts[0] == kNoSchema) return true;
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.children), 3});
  table_.children.insert(table_.children.end(), parts.begin(), parts.end());
  return true;
}

bool SchemaCompiler::one_schema(Draft& draft, const Keyword& keyword, Element value,
                                const JsonPlace& place) {
  SchemaIndex index = kAnything;
  if (!schema(value, place, index)) return false;
  draft.rules.push_back({keyword.rule, keyword.types, index, draft.index});
  return true;
}

bool SchemaCompiler::dependent_schemas(Draft& draft, const Keyword& keyword, Element value,
                                       const JsonPlace& place) {
  std::vector<SchemaProperty> named;
  if (!named_schemas(value, place, named)) return false;
  draft.rules.push_back({keyword.rule, keyword.types, size_of(table_.properties), size_of(named)});
  table_.properties.insert(table_.properties.end(), named.begin(), named.end());
  return true;
}

// Each list of names is a schema that has nothing but `required`.
bool SchemaCompiler::dependent_required(Draft& draft, const Keyword& keyword, Element value,
                                        const JsonPlace& place) {
  Object object;
  if (value.get(object) != simdjson::SUCCESS) return refuse(place, "must be an object of arrays");
  const std::uint32_t first = size_of(table_.properties);
  for (const auto [name, list] : object) {
    SchemaRule rule{SchemaKeyword::required, kObject};
    if (!names(list, {.up = &place, .name = name}, rule)) return false;
    table_.properties.push_back({name, size_of(table_.nodes)});
    table_.nodes.push_back({.first = size_of(table_.rules), .count = 1});
    table_.rules.push_back(rule);
  }
  draft.rules.push_back({keyword.rule, keyword.types, first, size_of(table_.properties) - first});
  return true;
}

}  // namespace ringcast
