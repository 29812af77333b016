// What a report says of subscribers that leave and return.
#pragma once

#include <string>

#include "tools/ringload/options.h"
#include "tools/ringload/report.h"

namespace ringcast::load {

// Members of the result's object, each with a comma behind it; nothing where nobody leaves.
std::string returns_json(const Options& options, const Report& report);
// Lines of the report.
std::string returns_text(const Options& options, const Report& report);

}  // namespace ringcast::load
