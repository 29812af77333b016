// A load as words behind `--`: sse --subscribers 1000 …
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

// Whether they begin with a load and say nothing of what the command says itself (`ours`, with
// --json and --quiet). Error: bad_usage.
Result<void> check_load_words(const std::vector<std::string>& words,
                              std::vector<std::string_view> ours);

}  // namespace ringcast::load
