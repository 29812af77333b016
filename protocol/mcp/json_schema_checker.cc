#include "protocol/mcp/json_schema_checker.h"

#include <algorithm>

#include "core/check.h"
#include "core/utf8.h"
#include "protocol/mcp/json_equality.h"
#include "protocol/mcp/json_schema.h"

namespace ringcast {

namespace dom = simdjson::dom;

namespace {

constexpr std::size_t kMostPatternBytes = 256;  // in a message

// The element is of that type: the rule is about it.
template <class T>
T get(dom::element element) {
  T value{};
  RINGCAST_CHECK(element.get(value) == simdjson::SUCCESS);
  return value;
}

std::uint8_t type_of(dom::element value) {
  switch (value.type()) {
    case dom::element_type::ARRAY:
      return kArray;
    case dom::element_type::OBJECT:
      return kObject;
    case dom::element_type::INT64:
    case dom::element_type::UINT64:
      return kInteger;
    case dom::element_type::DOUBLE:
      return is_integer(json_number(value)) ? kInteger : kFraction;
    case dom::element_type::STRING:
      return kString;
    case dom::element_type::BOOL:
      return kBoolean;
    case dom::element_type::NULL_VALUE:
      break;
  }
  return kNull;
}

// The text is UTF-8.
std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

SchemaChecker::Spot::Spot(Element root) : value(root), type(type_of(root)) {
  if (type == kString) text = get<std::string_view>(root);
}

SchemaChecker::Spot::Spot(Element member, const Spot& object, std::string_view name)
    : Spot(member) {
  place = {.up = &object.place, .name = name};
}

SchemaChecker::Spot::Spot(Element item, const Spot& array, std::size_t index) : Spot(item) {
  place = {.up = &array.place, .index = index};
}

SchemaChecker::Spot::Spot(const Spot& object, std::string_view name)
    : text(name), place{.up = &object.place, .name = name}, is_name(true) {}

SchemaChecker::SchemaChecker(const SchemaTable& table)
    : table_(table), budget_(JsonSchema::kMostSteps, JsonSchema::kMostDepth) {}

std::string SchemaChecker::check(Element value) {
  const bool valid = applies(table_.root, Spot(value));
  switch (budget_.lacks()) {
    case JsonBudget::Lacks::depth:
      return "The value is nested too deep to be checked.";
    case JsonBudget::Lacks::steps:
      return "The value is too complex to be checked.";
    case JsonBudget::Lacks::nothing:
      break;
  }
  if (valid) return {};
  RINGCAST_CHECK(!message_.empty());
  message_.front() = 'T';
  return std::move(message_) + '.';
}

bool SchemaChecker::applies(SchemaIndex schema, const Spot& spot) {
  const SchemaNode& node = table_.nodes[schema];
  if (!budget_.spend(1)) return false;
  if ((node.types & spot.type) == 0) return refuse_type(node.types, spot);
  if (node.count == 0) return true;
  const JsonBudget::Level level(budget_);
  if (!level) return false;
  return std::ranges::all_of(table_.rules_of(node), [&](const SchemaRule& rule) {
    return (rule.types & spot.type) == 0 || holds(rule, spot);
  });
}

bool SchemaChecker::fits(SchemaIndex schema, const Spot& spot) {
  ++trying_;
  const bool valid = applies(schema, spot);
  --trying_;
  return valid;
}

bool SchemaChecker::holds(const SchemaRule& rule, const Spot& spot) {
  switch (rule.keyword) {
    case SchemaKeyword::constant:
      return constant(rule, spot);
    case SchemaKeyword::minimum:
    case SchemaKeyword::maximum:
    case SchemaKeyword::exclusive_minimum:
    case SchemaKeyword::exclusive_maximum:
    case SchemaKeyword::multiple_of:
      return number(rule, spot);
    case SchemaKeyword::min_length:
    case SchemaKeyword::max_length:
    case SchemaKeyword::min_items:
    case SchemaKeyword::max_items:
    case SchemaKeyword::min_properties:
    case SchemaKeyword::max_properties:
      return size(rule, spot);
    case SchemaKeyword::pattern:
      return pattern(rule, spot);
    case SchemaKeyword::unique_items:
      return unique_items(spot);
    case SchemaKeyword::required:
      return required(rule, spot);
    case SchemaKeyword::members:
      return members(rule, spot);
    case SchemaKeyword::property_names:
      return property_names(rule, spot);
    case SchemaKeyword::items:
      return items(rule, spot);
    case SchemaKeyword::contains:
      return contains(rule, spot);
    case SchemaKeyword::all_of:
      return all_of(rule, spot);
    case SchemaKeyword::any_of:
      return any_of(rule, spot);
    case SchemaKeyword::one_of:
      return one_of(rule, spot);
    case SchemaKeyword::not_:
      return !fits(rule.first, spot) || refuse(spot, "must not fit the schema of `not`");
    case SchemaKeyword::condition:
      return condition(rule, spot);
    case SchemaKeyword::dependent_schemas:
      return dependent_schemas(rule, spot);
    case SchemaKeyword::unevaluated_items:
      return unevaluated_items(rule, spot);
    case SchemaKeyword::unevaluated_properties:
      return unevaluated_properties(rule, spot);
  }
  return true;
}

bool SchemaChecker::equals(const Spot& spot, Element constant) {
  if (spot.type != kString) return json_equal(constant, spot.value, budget_);
  std::string_view text;
  return budget_.spend_text(spot.text.size()) && constant.get(text) == simdjson::SUCCESS &&
         text == spot.text;
}

bool SchemaChecker::constant(const SchemaRule& rule, const Spot& spot) {
  const auto allowed = std::span(table_.values).subspan(rule.first, rule.count);
  return std::ranges::any_of(allowed, [&](Element one) { return equals(spot, one); }) ||
         refuse_constant(allowed, spot);
}

bool SchemaChecker::number(const SchemaRule& rule, const Spot& spot) {
  const JsonNumber& limit = table_.numbers[rule.first];
  const JsonNumber value = json_number(spot.value);
  std::string_view must;
  switch (rule.keyword) {
    case SchemaKeyword::minimum:
      if (compare(value, limit) < 0) must = "at least";
      break;
    case SchemaKeyword::maximum:
      if (compare(value, limit) > 0) must = "at most";
      break;
    case SchemaKeyword::exclusive_minimum:
      if (compare(value, limit) <= 0) must = "above";
      break;
    case SchemaKeyword::exclusive_maximum:
      if (compare(value, limit) >= 0) must = "below";
      break;
    default:
      if (!is_multiple(value, limit)) must = "a multiple of";
  }
  if (must.empty()) return true;
  if (trying_ > 0) return false;
  return refuse(spot, "must be {} {}, but is {}", must, number_text(limit), number_text(value));
}

bool SchemaChecker::size(const SchemaRule& rule, const Spot& spot) {
  const bool is_min = rule.keyword == SchemaKeyword::min_length ||
                      rule.keyword == SchemaKeyword::min_items ||
                      rule.keyword == SchemaKeyword::min_properties;
  std::size_t size = 0;
  std::string_view unit;
  if (spot.type == kString) {
    if (!budget_.spend_text(spot.text.size())) return false;
    size = code_points(spot.text);
    unit = "character";
  } else if (spot.type == kArray) {
    size = get<dom::array>(spot.value).size();
    unit = "item";
  } else {
    size = get<dom::object>(spot.value).size();
    unit = "member";
  }
  if (is_min ? size >= rule.first : size <= rule.first) return true;
  return refuse(spot, "must have at {} {} {}{}, but has {}", is_min ? "least" : "most", rule.first,
                unit, rule.first == 1 ? "" : "s", size);
}

// Time is linear in the text whatever the pattern; at worst each byte meets the whole program.
bool SchemaChecker::matches(std::uint32_t pattern, std::string_view text) {
  const re2::RE2& regex = *table_.patterns[pattern];
  const auto instructions = static_cast<std::size_t>(regex.ProgramSize());
  return budget_.spend(1 + text.size() * instructions / 1024) &&
         regex.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                     re2::RE2::UNANCHORED, nullptr, 0);
}

bool SchemaChecker::pattern(const SchemaRule& rule, const Spot& spot) {
  return matches(rule.first, spot.text) ||
         refuse(spot, "must match the pattern {}",
                cut_utf8(table_.patterns[rule.first]->pattern(), kMostPatternBytes));
}

bool SchemaChecker::unique_items(const Spot& spot) {
  const auto twins = find_twins(get<dom::array>(spot.value), budget_);
  return !twins || refuse(spot, "must have different items, but item {} is as item {}",
                          twins->second, twins->first);
}

bool SchemaChecker::has(const Spot& object, std::string_view name) {
  const auto members = get<dom::object>(object.value);
  return budget_.spend(1 + members.size() / 8) && members.at_key(name).error() == simdjson::SUCCESS;
}

bool SchemaChecker::required(const SchemaRule& rule, const Spot& spot) {
  const auto names = std::span(table_.names).subspan(rule.first, rule.count);
  return std::ranges::all_of(names, [&](std::string_view name) { return has(spot, name); }) ||
         refuse_missing(names, spot);
}

const SchemaProperty* SchemaChecker::property(const SchemaMembers& members,
                                              std::string_view name) const {
  const auto named = std::span(table_.properties).subspan(members.first, members.count);
  const auto found = std::ranges::lower_bound(named, name, {}, &SchemaProperty::name);
  return found != named.end() && found->name == name ? &*found : nullptr;
}

bool SchemaChecker::members(const SchemaRule& rule, const Spot& spot) {
  const SchemaMembers& members = table_.members[rule.first];
  for (const auto [name, value] : get<dom::object>(spot.value)) {
    if (!budget_.spend(1) || !member(members, Spot(value, spot, name))) return false;
  }
  return true;
}

bool SchemaChecker::member(const SchemaMembers& members, const Spot& spot) {
  const std::string_view name = spot.place.name;
  const SchemaProperty* known = property(members, name);
  if (known != nullptr && !applies(known->schema, spot)) return false;
  bool is_known = known != nullptr;
  for (const SchemaPatterned& one :
       std::span(table_.patterned).subspan(members.first_patterned, members.patterned_count)) {
    if (!matches(one.pattern, name)) continue;
    is_known = true;
    if (!applies(one.schema, spot)) return false;
  }
  if (is_known || members.additional == kNoSchema) return true;
  if (members.additional == kNothing) return refuse_member(members, spot);
  return applies(members.additional, spot);
}

bool SchemaChecker::property_names(const SchemaRule& rule, const Spot& spot) {
  for (const auto [name, value] : get<dom::object>(spot.value)) {
    if (!applies(rule.first, Spot(spot, name))) return false;
  }
  return true;
}

bool SchemaChecker::items(const SchemaRule& rule, const Spot& spot) {
  const auto prefix = table_.children_of(rule);
  const SchemaIndex rest = table_.children[rule.first + rule.count];
  std::size_t index = 0;
  for (const Element item : get<dom::array>(spot.value)) {
    const bool in_prefix = index < prefix.size();
    const SchemaIndex schema = in_prefix ? prefix[index] : rest;
    if (schema == kNoSchema) break;
    if (schema == kNothing && !in_prefix) {
      return refuse(spot, "must have at most {} items", prefix.size());
    }
    if (!applies(schema, Spot(item, spot, index))) return false;
    ++index;
  }
  return true;
}

bool SchemaChecker::contains(const SchemaRule& rule, const Spot& spot) {
  const SchemaContains& wanted = table_.contains[rule.first];
  std::size_t index = 0;
  std::uint32_t count = 0;
  for (const Element item : get<dom::array>(spot.value)) {
    if (count > wanted.max || (count >= wanted.min && wanted.max == UINT32_MAX)) break;
    if (fits(wanted.schema, Spot(item, spot, index++))) ++count;
  }
  if (count < wanted.min) {
    return refuse(spot, "must have at least {} items that fit `contains`, but has {}", wanted.min,
                  count);
  }
  return count <= wanted.max ||
         refuse(spot, "must have at most {} items that fit `contains`", wanted.max);
}

bool SchemaChecker::all_of(const SchemaRule& rule, const Spot& spot) {
  return std::ranges::all_of(table_.children_of(rule),
                             [&](SchemaIndex schema) { return applies(schema, spot); });
}

bool SchemaChecker::any_of(const SchemaRule& rule, const Spot& spot) {
  return std::ranges::any_of(table_.children_of(rule),
                             [&](SchemaIndex schema) { return fits(schema, spot); }) ||
         refuse_branches(rule, spot);
}

bool SchemaChecker::one_of(const SchemaRule& rule, const Spot& spot) {
  const auto branches = table_.children_of(rule);
  const auto is_fit = [&](SchemaIndex schema) { return fits(schema, spot); };
  const auto first = std::ranges::find_if(branches, is_fit);
  if (first == branches.end()) return refuse_branches(rule, spot);
  const auto second = std::find_if(first + 1, branches.end(), is_fit);
  return second == branches.end() ||
         refuse(spot, "must fit one schema of `oneOf` only, but fits those at {} and {}",
                first - branches.begin(), second - branches.begin());
}

bool SchemaChecker::condition(const SchemaRule& rule, const Spot& spot) {
  const auto parts = table_.children_of(rule);
  return applies(fits(parts[0], spot) ? parts[1] : parts[2], spot);
}

bool SchemaChecker::dependent_schemas(const SchemaRule& rule, const Spot& spot) {
  const auto dependent = std::span(table_.properties).subspan(rule.first, rule.count);
  return std::ranges::all_of(dependent, [&](const SchemaProperty& one) {
    return !has(spot, one.name) || applies(one.schema, spot);
  });
}

}  // namespace ringcast
