// What is said about a value that is not valid. Whatever it quotes is bounded.
#include <algorithm>
#include <array>
#include <vector>

#include "core/utf8.h"
#include "protocol/mcp/json_schema_checker.h"

namespace ringcast {

namespace dom = simdjson::dom;

namespace {

constexpr std::size_t kMostListed = 20;
constexpr std::size_t kMostQuotedBytes = 64;

struct TypeWords {
  std::uint8_t types;
  std::string_view words;
};

// Those of more types come first.
constexpr std::array<TypeWords, 8> kTypeWords{{
    {kNumber, "a number"},
    {kInteger, "an integer"},
    {kFraction, "a number with a fraction"},
    {kString, "a string"},
    {kBoolean, "a boolean"},
    {kObject, "an object"},
    {kArray, "an array"},
    {kNull, "null"},
}};

std::string type_words(std::uint8_t types) {
  std::string text;
  for (const TypeWords& one : kTypeWords) {
    if ((types & one.types) != one.types) continue;
    types &= static_cast<std::uint8_t>(~one.types);
    if (!text.empty()) text += " or ";
    text += one.words;
  }
  return text;
}

std::string short_text(std::string_view text) {
  const std::string_view front = cut_utf8(text, kMostQuotedBytes);
  return std::string(front) + (front.size() < text.size() ? "…" : "");
}

std::string quoted(std::string_view name) { return '`' + short_text(name) + '`'; }

std::string listed(const std::vector<std::string>& words) {
  const bool all = words.size() <= kMostListed;
  return fmt::format(
      "{}{}", fmt::join(words.begin(), all ? words.end() : words.begin() + kMostListed, ", "),
      all ? "" : ", …");
}

}  // namespace

void SchemaChecker::refuse_with(const Spot& spot, std::string_view why) {
  const std::string pointer = json_pointer(spot.place);
  const std::string_view subject = spot.is_name ? "the name of the member" : "the value";
  message_ = fmt::format("{}{}{} {}", subject, pointer.empty() ? "" : " at ", pointer, why);
}

bool SchemaChecker::refuse_type(std::uint8_t types, const Spot& spot) {
  if (trying_ > 0) return false;
  if (types == 0) return refuse(spot, "is not allowed");
  return refuse(spot, "must be {}, but is {}", type_words(types), type_words(spot.type));
}

bool SchemaChecker::refuse_constant(std::span<const Element> allowed, const Spot& spot) {
  if (trying_ > 0) return false;
  std::vector<std::string> texts;
  for (const Element one : allowed.first(std::min(allowed.size(), kMostListed + 1))) {
    texts.push_back(short_text(simdjson::minify(one)));
  }
  return refuse(spot, "must be {}{}", texts.size() == 1 ? "" : "one of ", listed(texts));
}

bool SchemaChecker::refuse_missing(std::span<const std::string_view> names, const Spot& spot) {
  if (trying_ > 0) return false;
  std::vector<std::string> missing;
  for (const std::string_view name : names) {
    if (!has(spot, name)) missing.push_back(quoted(name));
  }
  return refuse(spot, "lacks the required member{} {}", missing.size() == 1 ? "" : "s",
                listed(missing));
}

bool SchemaChecker::refuse_member(const SchemaMembers& members, const Spot& member) {
  if (trying_ > 0) return false;
  std::vector<std::string> known;
  for (const SchemaProperty& one :
       std::span(table_.properties).subspan(members.first, members.count)) {
    known.push_back(quoted(one.name));
  }
  if (known.empty()) return refuse(member, "is not allowed");
  return refuse(member, "is not allowed: members are {}", listed(known));
}

// A union of types or of constants is told as such. Of other alternatives the first is explained
// that takes values of this type.
bool SchemaChecker::refuse_branches(const SchemaRule& rule, const Spot& spot) {
  if (trying_ > 0) return false;
  const auto branches = table_.children_of(rule);
  std::uint8_t types = 0;
  std::vector<Element> constants;
  bool only_constants = true;
  const SchemaIndex* nearest = nullptr;
  for (const SchemaIndex& branch : branches) {
    const SchemaNode& node = table_.nodes[branch];
    types |= node.types;
    if (nearest == nullptr && (node.types & spot.type) != 0) nearest = &branch;
    const auto rules = table_.rules_of(node);
    only_constants =
        only_constants && rules.size() == 1 && rules[0].keyword == SchemaKeyword::constant;
    if (!only_constants) continue;
    const auto values = std::span(table_.values).subspan(rules[0].first, rules[0].count);
    constants.insert(constants.end(), values.begin(), values.end());
  }
  if (nearest == nullptr) return refuse_type(types, spot);
  if (only_constants) return refuse_constant(constants, spot);
  applies(*nearest, spot);
  if (branches.size() == 1) return false;
  const std::string why = std::move(message_);
  return refuse(spot, "fits none of {} schemas; for the one at {}, {}", branches.size(),
                nearest - branches.data(), why);
}

}  // namespace ringcast
