// What no schema has said anything about: unevaluatedItems, unevaluatedProperties (Core §11).
//
// Nothing is noted while a value is checked. Each member and item is asked about afterwards
// instead: the value is valid for the schema by then, and of its alternatives those count that it
// fits.
#include <algorithm>

#include "core/check.h"
#include "protocol/mcp/json_schema_checker.h"

namespace ringcast {

namespace dom = simdjson::dom;

bool SchemaChecker::any_evaluates(std::span<const SchemaIndex> schemas, const Spot& parent,
                                  const Spot& child) {
  return std::ranges::any_of(schemas,
                             [&](SchemaIndex schema) { return evaluates(schema, parent, child); });
}

bool SchemaChecker::evaluates(SchemaIndex schema, const Spot& parent, const Spot& child) {
  const JsonBudget::Level level(budget_);
  return level && budget_.spend(1) &&
         std::ranges::any_of(table_.rules_of(table_.nodes[schema]), [&](const SchemaRule& rule) {
           return rule_evaluates(rule, parent, child);
         });
}

bool SchemaChecker::rule_evaluates(const SchemaRule& rule, const Spot& parent, const Spot& child) {
  if ((rule.types & parent.type) == 0) return false;
  const auto children = [&] { return table_.children_of(rule); };
  switch (rule.keyword) {
    case SchemaKeyword::members:
      return members_evaluate(table_.members[rule.first], child);
    case SchemaKeyword::items:
      return child.place.index < rule.count ||
             table_.children[rule.first + rule.count] != kNoSchema;
    case SchemaKeyword::contains:
      return fits(table_.contains[rule.first].schema, child);
    case SchemaKeyword::all_of:
      return any_evaluates(children(), parent, child);
    case SchemaKeyword::any_of:
    case SchemaKeyword::one_of:
      return std::ranges::any_of(children(), [&](SchemaIndex schema) {
        return fits(schema, parent) && evaluates(schema, parent, child);
      });
    case SchemaKeyword::condition:
      return fits(children()[0], parent) ? any_evaluates(children().first(2), parent, child)
                                         : evaluates(children()[2], parent, child);
    case SchemaKeyword::dependent_schemas:
      return std::ranges::any_of(std::span(table_.properties).subspan(rule.first, rule.count),
                                 [&](const SchemaProperty& one) {
                                   return has(parent, one.name) &&
                                          evaluates(one.schema, parent, child);
                                 });
    case SchemaKeyword::unevaluated_items:
    case SchemaKeyword::unevaluated_properties:
      return true;
    default:
      return false;
  }
}

bool SchemaChecker::members_evaluate(const SchemaMembers& members, const Spot& member) {
  const auto patterned =
      std::span(table_.patterned).subspan(members.first_patterned, members.patterned_count);
  return members.additional != kNoSchema || property(members, member.place.name) != nullptr ||
         std::ranges::any_of(patterned, [&](const SchemaPatterned& one) {
           return matches(one.pattern, member.place.name);
         });
}

// The rules of the same schema are asked, but for this one.
bool SchemaChecker::unevaluated(const SchemaRule& rule, const Spot& parent, const Spot& child) {
  const bool evaluated =
      std::ranges::any_of(table_.rules_of(table_.nodes[rule.count]), [&](const SchemaRule& other) {
        return other.keyword != rule.keyword && rule_evaluates(other, parent, child);
      });
  return evaluated || applies(rule.first, child);
}

bool SchemaChecker::unevaluated_items(const SchemaRule& rule, const Spot& spot) {
  dom::array array;
  RINGCAST_CHECK(spot.value.get(array) == simdjson::SUCCESS);
  std::size_t index = 0;
  for (const Element item : array) {
    if (!unevaluated(rule, spot, Spot(item, spot, index++))) return false;
  }
  return true;
}

bool SchemaChecker::unevaluated_properties(const SchemaRule& rule, const Spot& spot) {
  dom::object object;
  RINGCAST_CHECK(spot.value.get(object) == simdjson::SUCCESS);
  for (const auto [name, value] : object) {
    if (!budget_.spend(1) || !unevaluated(rule, spot, Spot(value, spot, name))) return false;
  }
  return true;
}

}  // namespace ringcast
