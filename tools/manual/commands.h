// `completion`, for users, and what the scripts and the build ask for: `complete-words`, `manual`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "tools/manual/completion.h"
#include "tools/manual/man_page.h"

namespace ringcast {

struct Manual {
  ManPage page;
  std::map<std::string, std::function<std::string()>> more_pages;  // "ringcast.yaml"
  CompletionHints hints;
};

// To be called when the program's own commands are there. `manual` and the program's App must
// outlive its parsing; exit_code is what the program ends with.
void add_manual_commands(CLI::App& app, const Manual& manual, int& exit_code);

// If the first word is `complete-words`: answers for the words after it, and what the program ends
// with. Before any parsing, since these words are half of a command line.
std::optional<int> answer_completion(const CLI::App& app, const CompletionHints& hints, int argc,
                                     const char* const* argv);

}  // namespace ringcast
