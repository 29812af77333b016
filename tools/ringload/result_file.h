// Files of results, as `--json` writes them: of one run, or a list of measurements of some runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "tools/ringload/measurement.h"

namespace ringcast::load {

// `{"format":1,"target":…}` is a measurement of one run, named after target and transport;
// `{"format":1,"measurements":[{"name":…,"runs":[…]}]}` are those it lists. `file` is only what
// messages call it. Errors: not_json, not_a_result, other_format.
Result<std::vector<Measurement>> parse_results(std::string_view text, const std::string& file);

// The same of what is in the file. Errors: cannot_read, too.
Result<std::vector<Measurement>> read_results(const std::string& file);

// Files as they are given to commands, each `FILE` or `NAME=FILE`. Files of one run with the same
// NAME are runs of one measurement. No two measurements have the same name in the end.
Result<std::vector<Measurement>> read_all_results(const std::vector<std::string>& words);

}  // namespace ringcast::load
