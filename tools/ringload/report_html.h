// A report as a single HTML file: no script, and nothing that is loaded from anywhere.
#pragma once

#include <string>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

std::string html_of(const std::vector<Measurement>& measurements, const std::string& title);

}  // namespace ringcast::load
