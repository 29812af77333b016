// What only `ringload chunked` has on the command line.
#pragma once

#include <string>

#include "core/result.h"
#include "tools/ringload/options.h"

namespace ringcast::load {

extern const char* const kChunkedExamples;

// Whether it can be done as it is asked for. `target_file`: empty if none was given. Errors:
// bad_target, bad_usage.
Result<void> check_chunked(const Options& options, const std::string& target_file);

}  // namespace ringcast::load
