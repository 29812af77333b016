// Applies a compiled schema to one value.
//
// While alternatives are tried (`anyOf`, `not`, `if`, `contains`, …) nothing is said about what
// does not fit: text is made, and memory allocated, only for what makes the whole value invalid.
// What the budget lacks makes everything false at once, and is looked at last.
#pragma once

#include <fmt/format.h>
#include <re2/re2.h>
#include <simdjson.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/mcp/json_budget.h"
#include "protocol/mcp/json_place.h"
#include "protocol/mcp/json_schema_table.h"

namespace ringcast {

class SchemaChecker {
 public:
  explicit SchemaChecker(const SchemaTable& table);

  // Once. As JsonSchema::check.
  std::string check(simdjson::dom::element value);

 private:
  using Element = simdjson::dom::element;

  // A value and where it is; or the name of a member, which is no value of the document.
  struct Spot {
    explicit Spot(Element root);
    Spot(Element member, const Spot& object, std::string_view name);
    Spot(Element item, const Spot& array, std::size_t index);
    Spot(const Spot& object, std::string_view name);

    Element value{};
    std::string_view text{};  // of a string or a name
    JsonPlace place{};
    std::uint8_t type = kString;  // a bit of SchemaTypes
    bool is_name = false;
  };

  // Whether the value is valid; false with a message, unless alternatives are being tried.
  bool applies(SchemaIndex schema, const Spot& spot);
  // The same without a message.
  bool fits(SchemaIndex schema, const Spot& spot);

  bool holds(const SchemaRule& rule, const Spot& spot);
  bool constant(const SchemaRule& rule, const Spot& spot);
  bool number(const SchemaRule& rule, const Spot& spot);
  bool size(const SchemaRule& rule, const Spot& spot);
  bool pattern(const SchemaRule& rule, const Spot& spot);
  bool unique_items(const Spot& spot);
  bool required(const SchemaRule& rule, const Spot& spot);
  bool members(const SchemaRule& rule, const Spot& spot);
  bool member(const SchemaMembers& members, const Spot& member);
  bool property_names(const SchemaRule& rule, const Spot& spot);
  bool items(const SchemaRule& rule, const Spot& spot);
  bool contains(const SchemaRule& rule, const Spot& spot);
  bool all_of(const SchemaRule& rule, const Spot& spot);
  bool any_of(const SchemaRule& rule, const Spot& spot);
  bool one_of(const SchemaRule& rule, const Spot& spot);
  bool condition(const SchemaRule& rule, const Spot& spot);
  bool dependent_schemas(const SchemaRule& rule, const Spot& spot);
  bool unevaluated_items(const SchemaRule& rule, const Spot& spot);
  bool unevaluated_properties(const SchemaRule& rule, const Spot& spot);

  // Whether the schema, which the parent is valid for, says something about the child: a member or
  // an item (Core §11).
  bool evaluates(SchemaIndex schema, const Spot& parent, const Spot& child);
  bool rule_evaluates(const SchemaRule& rule, const Spot& parent, const Spot& child);
  bool members_evaluate(const SchemaMembers& members, const Spot& member);
  bool unevaluated(const SchemaRule& rule, const Spot& parent, const Spot& child);
  bool any_evaluates(std::span<const SchemaIndex> schemas, const Spot& parent, const Spot& child);

  bool equals(const Spot& spot, Element constant);
  bool matches(std::uint32_t pattern, std::string_view text);
  bool has(const Spot& object, std::string_view name);
  const SchemaProperty* property(const SchemaMembers& members, std::string_view name) const;

  // These return false.
  template <class... Args>
  bool refuse(const Spot& spot, fmt::format_string<Args...> why, Args&&... args) {
    if (trying_ == 0) refuse_with(spot, fmt::format(why, std::forward<Args>(args)...));
    return false;
  }
  void refuse_with(const Spot& spot, std::string_view why);
  bool refuse_type(std::uint8_t types, const Spot& spot);
  bool refuse_constant(std::span<const Element> allowed, const Spot& spot);
  bool refuse_missing(std::span<const std::string_view> names, const Spot& spot);
  bool refuse_member(const SchemaMembers& members, const Spot& member);
  bool refuse_branches(const SchemaRule& rule, const Spot& spot);

  const SchemaTable& table_;
  JsonBudget budget_;
  std::uint32_t trying_ = 0;  // alternatives within each other
  std::string message_;
};

}  // namespace ringcast
