#include "protocol/mcp/json_equality.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <tuple>
#include <vector>

#include "protocol/mcp/json_number.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kFewItems = 32;

template <class T>
T get(dom::element element) {
  T value{};
  static_cast<void>(element.get(value));
  return value;
}

bool equal_texts(std::string_view a, std::string_view b, JsonBudget& budget) {
  return a.size() == b.size() && budget.spend_text(a.size()) && a == b;
}

bool equal_arrays(dom::array a, dom::array b, JsonBudget& budget) {
  if (a.size() != b.size()) return false;
  auto other = b.begin();
  for (const dom::element item : a) {
    if (!(other != b.end()) || !json_equal(item, *other, budget)) return false;
    ++other;
  }
  return true;
}

bool equal_objects(dom::object a, dom::object b, JsonBudget& budget) {
  if (a.size() != b.size()) return false;
  for (const auto [name, value] : a) {
    dom::element other;
    if (!budget.spend(1 + b.size() / 8) || b.at_key(name).get(other) != simdjson::SUCCESS ||
        !json_equal(value, other, budget)) {
      return false;
    }
  }
  return true;
}

std::uint64_t mix(std::uint64_t bits) {
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111eb;
  return bits ^ (bits >> 31);
}

std::uint64_t hash_text(std::string_view text, JsonBudget& budget) {
  return budget.spend_text(text.size()) ? std::hash<std::string_view>{}(text) : 0;
}

// The same for equal values.
std::uint64_t json_hash(dom::element element, JsonBudget& budget) {
  const JsonBudget::Level level(budget);
  if (!level || !budget.spend(1)) return 0;
  const auto type = static_cast<std::uint64_t>(element.type());
  switch (element.type()) {
    case dom::element_type::ARRAY: {
      std::uint64_t hash = type;
      for (const dom::element item : get<dom::array>(element)) {
        hash = mix(hash + json_hash(item, budget));
      }
      return hash;
    }
    case dom::element_type::OBJECT: {
      std::uint64_t hash = type;
      for (const auto [name, value] : get<dom::object>(element)) {
        hash += mix(hash_text(name, budget) + mix(json_hash(value, budget)));
      }
      return hash;
    }
    case dom::element_type::STRING:
      return mix(type + hash_text(get<std::string_view>(element), budget));
    case dom::element_type::BOOL:
      return mix(type + (get<bool>(element) ? 1 : 0));
    case dom::element_type::NULL_VALUE:
      return mix(type);
    default: {
      const JsonNumber number = json_number(element);
      return mix(number.exact ? static_cast<std::uint64_t>(number.integer)
                              : std::bit_cast<std::uint64_t>(number.real));
    }
  }
}

struct Item {
  std::uint64_t hash = 0;
  std::size_t index = 0;
  dom::element value;
};

std::optional<JsonTwins> compare_all(std::span<const Item> items, JsonBudget& budget) {
  for (std::size_t second = 1; second < items.size(); ++second) {
    for (std::size_t first = 0; first < second; ++first) {
      if (json_equal(items[first].value, items[second].value, budget)) {
        return JsonTwins{items[first].index, items[second].index};
      }
      if (budget.lacks() != JsonBudget::Lacks::nothing) return std::nullopt;
    }
  }
  return std::nullopt;
}

// Only values of the same hash are compared.
std::optional<JsonTwins> find_twins_of_many(dom::array array, JsonBudget& budget) {
  if (!budget.spend(array.size())) return std::nullopt;
  std::vector<Item> items;
  items.reserve(array.size());
  for (const dom::element value : array) {
    items.push_back({json_hash(value, budget), items.size(), value});
    if (budget.lacks() != JsonBudget::Lacks::nothing) return std::nullopt;
  }
  std::ranges::sort(items, {}, [](const Item& item) { return std::tuple(item.hash, item.index); });
  for (std::span<const Item> rest(items); !rest.empty();) {
    const auto end = std::ranges::find_if_not(
        rest, [&](std::uint64_t hash) { return hash == rest.front().hash; }, &Item::hash);
    const auto same = static_cast<std::size_t>(end - rest.begin());
    if (const auto twins = compare_all(rest.first(same), budget)) return twins;
    rest = rest.subspan(same);
  }
  return std::nullopt;
}

}  // namespace

bool json_equal(dom::element a, dom::element b, JsonBudget& budget) {
  const JsonBudget::Level level(budget);
  if (!level || !budget.spend(1)) return false;
  if (a.is_number()) {
    return b.is_number() && compare(json_number(a), json_number(b)) == std::strong_ordering::equal;
  }
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case dom::element_type::ARRAY:
      return equal_arrays(get<dom::array>(a), get<dom::array>(b), budget);
    case dom::element_type::OBJECT:
      return equal_objects(get<dom::object>(a), get<dom::object>(b), budget);
    case dom::element_type::STRING:
      return equal_texts(get<std::string_view>(a), get<std::string_view>(b), budget);
    case dom::element_type::BOOL:
      return get<bool>(a) == get<bool>(b);
    default:
      return true;  // null
  }
}

std::optional<JsonTwins> find_twins(dom::array array, JsonBudget& budget) {
  if (array.size() > kFewItems) return find_twins_of_many(array, budget);
  std::array<Item, kFewItems> items;
  std::size_t count = 0;
  for (const dom::element value : array) {
    items[count] = {.index = count, .value = value};
    ++count;
  }
  return compare_all(std::span(items).first(count), budget);
}

}  // namespace ringcast
