// The manual page of a program, made of what its --help is made of.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace ringcast {

struct ManPage {
  std::string version;
  std::string description;  // paragraphs below the synopsis
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::string> see_also;  // "ringload(1)"
};

std::string man_page(const CLI::App& app, const ManPage& page);

// `.TH`, as every page begins.
std::string man_title(std::string_view name, int section, std::string_view version);

// FILES and SEE ALSO, where there is something.
std::string man_end(const ManPage& page);

// How an option is written and what follows it: `--listen` and `TEXT`; "" after a flag.
std::string option_names(const CLI::Option& option);
std::string option_argument(const CLI::Option& option);

}  // namespace ringcast
