// One load as a process of its own: `ringload sse …` as a user would call it, so that every run
// begins alike, and the result says the command that repeats it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/measurement.h"
#include "tools/ringload/process.h"

namespace ringcast::load {

struct LoadRun {
  RunResult result;
  std::string json;  // the same, as it was written
};

// What becomes of what the load says on standard error.
enum class Errors : std::uint8_t { kept, shown };

// `words`: "sse", "--rate", … Errors: load_failed, with what the load said; bad_usage, if it did
// not understand the words; interrupted.
Result<LoadRun> run_load(const std::vector<std::string>& words, const TemporaryFolder& folder,
                         Errors errors = Errors::kept);

}  // namespace ringcast::load
