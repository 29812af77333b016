#include "protocol/mcp/json_schema_compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "core/check.h"
#include "protocol/mcp/json_schema.h"

namespace ringcast {

namespace dom = simdjson::dom;

bool SchemaCompiler::refuse(const JsonPlace& place, std::string_view why) {
  return refuse_at(json_pointer(place), why);
}

bool SchemaCompiler::refuse_at(std::string_view pointer, std::string_view why) {
  problem_ = fmt::format("The schema{}{} {}.", pointer.empty() ? "" : " at ", pointer, why);
  return false;
}

bool SchemaCompiler::compile(std::string_view text) {
  table_.nodes.resize(2);
  table_.nodes[kNothing].types = 0;
  const JsonPlace place;
  if (!parse(text) || !has_distinct_names(root_, place)) return false;
  // What else means something else in draft-07 depends on it, wherever it stands in the root.
  std::string_view uri;
  draft7_ = root_.at_key("$schema").get(uri) == simdjson::SUCCESS && uri.contains("draft-07");
  if (!schema(root_, place, table_.root)) return false;
  // What a reference leads to may add references.
  for (std::size_t i = 0; i < references_.size(); ++i) {
    if (!resolve(Reference(references_[i]))) return false;
  }
  std::vector<Visit> visits(table_.nodes.size());
  for (SchemaIndex node = 0; node < visits.size(); ++node) {
    if (!descends(node, visits, 0)) return false;
  }
  return true;
}

bool SchemaCompiler::parse(std::string_view text) {
  if (text.size() > JsonSchema::kMostBytes) {
    return refuse_at("", fmt::format("has more than {} bytes", JsonSchema::kMostBytes));
  }
  dom::parser parser;
  const std::size_t capacity = std::max(text.size(), dom::MINIMAL_DOCUMENT_CAPACITY);
  simdjson::error_code code = parser.allocate(capacity, JsonSchema::kMostNesting);
  if (code == simdjson::SUCCESS) {
    code = parser.parse_into_document(table_.document, text.data(), text.size()).get(root_);
  }
  if (code == simdjson::SUCCESS) return true;
  if (code == simdjson::DEPTH_ERROR) {
    return refuse_at("", fmt::format("is nested more than {} deep", JsonSchema::kMostNesting));
  }
  std::string_view why = simdjson::error_message(code);
  while (why.ends_with('.')) why.remove_suffix(1);
  return refuse_at("", fmt::format("is not JSON: {}", why));
}

// Two readers could read such an object differently.
bool SchemaCompiler::has_distinct_names(Element value, const JsonPlace& place) {
  dom::array array;
  if (value.get(array) == simdjson::SUCCESS) {
    std::size_t index = 0;
    for (const Element item : array) {
      if (!has_distinct_names(item, {.up = &place, .index = index++})) return false;
    }
  }
  Object object;
  if (value.get(object) != simdjson::SUCCESS) return true;
  std::vector<std::string_view> names;
  for (const auto [name, member] : object) {
    names.push_back(name);
    if (!has_distinct_names(member, {.up = &place, .name = name})) return false;
  }
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return true;
  return refuse({.up = &place, .name = *twice}, "is there twice");
}

bool SchemaCompiler::schema(Element value, const JsonPlace& place, SchemaIndex& index) {
  bool anything = false;
  if (value.get(anything) == simdjson::SUCCESS) {
    index = anything ? kAnything : kNothing;
    return true;
  }
  Object object;
  if (value.get(object) != simdjson::SUCCESS) {
    return refuse(place, "must be an object, true or false");
  }
  const auto next = static_cast<SchemaIndex>(table_.nodes.size());
  const auto [known, is_new] = known_.try_emplace(object.begin(), next);
  index = known->second;
  if (!is_new) return true;
  table_.nodes.emplace_back();

  Draft draft{.object = object, .place = place, .index = next};
  for (const auto [name, member] : object) {
    const Keyword* keyword = find_keyword(name);
    const JsonPlace here{.up = &place, .name = name};
    if (keyword != nullptr && !(this->*keyword->read)(draft, *keyword, member, here)) return false;
  }
  std::ranges::sort(draft.rules, {},
                    [](const SchemaRule& rule) { return std::tuple(rule.keyword, rule.first); });
  table_.nodes[next] = {.types = draft.types,
                        .first = static_cast<std::uint32_t>(table_.rules.size()),
                        .count = static_cast<std::uint32_t>(draft.rules.size())};
  table_.rules.insert(table_.rules.end(), draft.rules.begin(), draft.rules.end());
  return true;
}

bool SchemaCompiler::resolve(const Reference& reference) {
  SchemaIndex target = kAnything;
  if (reference.target.empty() || reference.target.starts_with('/')) {
    Element element = root_;
    if (!reference.target.empty() &&
        root_.at_pointer(reference.target).get(element) != simdjson::SUCCESS) {
      return refuse_at(reference.pointer, "refers to a place that is not there");
    }
    if (!schema(element, JsonPlace{.name = reference.target}, target)) return false;
  } else {
    const auto anchor = anchors_.find(reference.target);
    if (anchor == anchors_.end()) {
      return refuse_at(reference.pointer, "refers to an anchor that is not there");
    }
    target = anchor->second;
  }
  table_.children[reference.child] = target;
  return true;
}

// Every circle of schemas that are applied to the same value goes through a reference, which is
// what the message names.
bool SchemaCompiler::child_descends(std::uint32_t child, std::vector<Visit>& visits,
                                    std::uint32_t depth) {
  if (descends(table_.children[child], visits, depth)) return true;
  const auto reference = std::ranges::lower_bound(references_, child, {}, &Reference::child);
  if (problem_.empty() && reference != references_.end() && reference->child == child) {
    refuse_at(reference->pointer,
              "leads back to itself, or through too many references, at the same value");
  }
  return false;
}

bool SchemaCompiler::descends(SchemaIndex index, std::vector<Visit>& visits, std::uint32_t depth) {
  if (visits[index] == Visit::done) return true;
  if (visits[index] == Visit::under_way || depth > JsonSchema::kMostDepth) return false;
  visits[index] = Visit::under_way;
  for (const SchemaRule& rule : table_.rules_of(table_.nodes[index])) {
    switch (rule.keyword) {
      case SchemaKeyword::all_of:
      case SchemaKeyword::any_of:
      case SchemaKeyword::one_of:
      case SchemaKeyword::condition:
        for (std::uint32_t i = 0; i < rule.count; ++i) {
          if (!child_descends(rule.first + i, visits, depth + 1)) return false;
        }
        break;
      case SchemaKeyword::not_:
        if (!descends(rule.first, visits, depth + 1)) return false;
        break;
      case SchemaKeyword::dependent_schemas:
        for (std::uint32_t i = 0; i < rule.count; ++i) {
          if (!descends(table_.properties[rule.first + i].schema, visits, depth + 1)) return false;
        }
        break;
      default:
        break;
    }
  }
  visits[index] = Visit::done;
  return true;
}

}  // namespace ringcast
