// Measurements side by side as text.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

// As many columns beside one another as `width` has room for, the others below.
std::string table_of(const std::vector<Measurement>& measurements, std::size_t width);

// Rows of cells, the first one the head, as aligned lines: the first column to the left, the others
// to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

// The warnings of a measurement's runs, each once, with how many runs had it.
std::vector<std::string> warnings_of(const Measurement& measurement);

}  // namespace ringcast::load
