// `ringcast serve`.
#pragma once

#include <CLI/CLI.hpp>

namespace ringcast {

// Adds the command; when it has run, exit_code is what the program ends with.
void add_serve_command(CLI::App& app, int& exit_code);
void add_mcp_command(CLI::App& app, int& exit_code);

}  // namespace ringcast
