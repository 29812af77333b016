#include "tools/ringload/result_fields.h"

#include <fmt/format.h>

#include <cmath>

namespace ringcast::load {
namespace {

namespace dom = simdjson::dom;

constexpr double kMost = 1e18;

}  // namespace

ResultFields::ResultFields(Element value, std::string path, std::string& wrong)
    : path_(std::move(path)), wrong_(&wrong) {
  dom::object object;
  if (value.get_object().get(object) == simdjson::SUCCESS) {
    object_ = object;
  } else {
    blame("", "is no object");
  }
}

void ResultFields::blame(std::string_view name, std::string_view what) {
  if (!wrong_->empty()) return;
  std::string place = path_ + std::string(name);
  if (place.ends_with('.')) place.pop_back();
  *wrong_ = place.empty() ? fmt::format("it {}", what) : fmt::format("`{}` {}", place, what);
}

std::optional<ResultFields::Element> ResultFields::find(std::string_view name) const {
  Element value;
  if (!object_ || (*object_)[name].get(value) != simdjson::SUCCESS || value.is_null()) return {};
  return value;
}

bool ResultFields::has(std::string_view name) const { return find(name).has_value(); }

std::optional<double> ResultFields::as_number(Element value, std::string_view name) {
  double number = 0;
  if (value.get_double().get(number) != simdjson::SUCCESS) {
    blame(name, "is no number");
    return {};
  }
  if (!(std::abs(number) <= kMost)) {
    blame(name, "is too large a number");
    return {};
  }
  return number;
}

std::string ResultFields::text(std::string_view name) {
  if (!has(name)) blame(name, "is missing");
  return text_or(name, "");
}

std::string ResultFields::text_or(std::string_view name, std::string_view otherwise) {
  const auto value = find(name);
  if (!value) return std::string(otherwise);
  std::string_view text;
  if (value->get_string().get(text) != simdjson::SUCCESS) blame(name, "is no text");
  return std::string(text);
}

double ResultFields::number(std::string_view name) {
  if (!has(name)) blame(name, "is missing");
  return number_or(name, 0);
}

double ResultFields::number_or(std::string_view name, double otherwise) {
  return number_if(name).value_or(otherwise);
}

std::optional<double> ResultFields::number_if(std::string_view name) {
  const auto value = find(name);
  return value ? as_number(*value, name) : std::nullopt;
}

bool ResultFields::flag_or(std::string_view name, bool otherwise) {
  const auto value = find(name);
  if (!value) return otherwise;
  bool flag = otherwise;
  if (value->get_bool().get(flag) != simdjson::SUCCESS) blame(name, "is neither true nor false");
  return flag;
}

ResultFields ResultFields::object(std::string_view name) {
  if (!has(name)) blame(name, "is missing");
  return object_or_nothing(name);
}

ResultFields ResultFields::object_or_nothing(std::string_view name) {
  const std::string path = fmt::format("{}{}.", path_, name);
  const auto value = find(name);
  return value ? ResultFields(*value, path, *wrong_) : ResultFields(path, *wrong_);
}

std::vector<ResultFields::Element> ResultFields::list(std::string_view name) {
  const auto value = find(name);
  if (!value) return {};
  dom::array items;
  if (value->get_array().get(items) != simdjson::SUCCESS) {
    blame(name, "is no list");
    return {};  // not even an end may be asked for of an array that was not given
  }
  return {items.begin(), items.end()};
}

std::vector<std::string> ResultFields::texts(std::string_view name) {
  std::vector<std::string> texts;
  for (const Element item : list(name)) {
    std::string_view text;
    if (item.get_string().get(text) != simdjson::SUCCESS) {
      blame(name, "has something but texts");
      break;
    }
    texts.emplace_back(text);
  }
  return texts;
}

std::vector<ResultFields> ResultFields::objects(std::string_view name) {
  std::vector<ResultFields> objects;
  for (const Element item : list(name)) {
    objects.emplace_back(item, fmt::format("{}{}[{}].", path_, name, objects.size()), *wrong_);
  }
  return objects;
}

std::vector<std::pair<double, double>> ResultFields::pairs(std::string_view name) {
  std::vector<std::pair<double, double>> pairs;
  for (const Element item : list(name)) {
    dom::array two;
    if (item.get_array().get(two) != simdjson::SUCCESS || two.size() != 2) {
      blame(name, "has something but pairs of numbers");
      break;
    }
    const auto first = as_number(two.at(0).value_unsafe(), name);
    const auto second = as_number(two.at(1).value_unsafe(), name);
    if (!first || !second) break;
    pairs.emplace_back(*first, *second);
  }
  return pairs;
}

}  // namespace ringcast::load
