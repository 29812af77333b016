// Lists of JSON objects as tables for people.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast {

struct Column {
  std::string_view title;
  const char* key;
  bool number = false;  // to the right
};

// The objects of the array `list` of `json`, a row each, sorted by the first column. What an object
// lacks is `-`; a list's strings stand with commas between them. Error: bad_response.
Result<std::string> table_of(std::string_view json, const char* list,
                             std::span<const Column> columns);

// The table of `ringcast topics`.
Result<std::string> topics_table(std::string_view json);

}  // namespace ringcast
