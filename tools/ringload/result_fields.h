// The members of a JSON object, read one by one; the first that is not what it should be is kept.
//
// Numbers are within ±1e18, so that nothing that is computed of a few of them overflows.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ringcast::load {

class ResultFields {
 public:
  // `path` says where in the file it is, "" or "runs[0]."; `wrong` is shared by all of a file.
  ResultFields(simdjson::dom::element value, std::string path, std::string& wrong);

  bool has(std::string_view name) const;

  // Must be there; otherwise `wrong` says so and the answer is empty.
  std::string text(std::string_view name);
  double number(std::string_view name);
  ResultFields object(std::string_view name);
  // May be missing or null.
  std::string text_or(std::string_view name, std::string_view otherwise);
  double number_or(std::string_view name, double otherwise);
  std::optional<double> number_if(std::string_view name);
  bool flag_or(std::string_view name, bool otherwise);
  ResultFields object_or_nothing(std::string_view name);
  std::vector<std::string> texts(std::string_view name);
  std::vector<ResultFields> objects(std::string_view name);
  // A list of lists of two numbers.
  std::vector<std::pair<double, double>> pairs(std::string_view name);

  const std::string& path() const { return path_; }
  void blame(std::string_view name, std::string_view what);

 private:
  using Element = simdjson::dom::element;

  explicit ResultFields(std::string path, std::string& wrong)
      : path_(std::move(path)), wrong_(&wrong) {}
  std::optional<Element> find(std::string_view name) const;  // nothing: missing or null
  std::optional<double> as_number(Element value, std::string_view name);
  std::vector<Element> list(std::string_view name);  // empty: missing, null or none

  std::optional<simdjson::dom::object> object_;
  std::string path_;
  std::string* wrong_;
};

}  // namespace ringcast::load
