// Whether values of JSON are equal (JSON Schema Core 2020-12 §4.2.2): numbers by value, members in
// any order.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <optional>

#include "protocol/mcp/json_budget.h"

namespace ringcast {

// False also when the budget is spent. The names of each object in `a` are distinct; otherwise what
// is said of that object is not certain.
bool json_equal(simdjson::dom::element a, simdjson::dom::element b, JsonBudget& budget);

struct JsonTwins {
  std::size_t first = 0;
  std::size_t second = 0;
};

// The places of two equal items; none also when the budget is spent. Allocates for more than 32
// items only.
std::optional<JsonTwins> find_twins(simdjson::dom::array array, JsonBudget& budget);

}  // namespace ringcast
