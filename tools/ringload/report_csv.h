// Runs as comma-separated values (RFC 4180), for spreadsheets and programs.
#pragma once

#include <string>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

// A line of names, which have their units at the end, and a line a run. What a run does not have
// is empty. Columns keep their names; new ones come last.
std::string csv_of(const std::vector<Measurement>& measurements);

}  // namespace ringcast::load
