// The commands that talk to a server. Each adds itself; when it has run, exit_code is what the
// program ends with.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>

namespace ringcast {

void add_publish_command(CLI::App& app, int& exit_code);
void add_subscribe_command(CLI::App& app, int& exit_code);
void add_topics_command(CLI::App& app, int& exit_code);
void add_control_command(CLI::App& app, int& exit_code);
void add_worker_command(CLI::App& app, int& exit_code);
void add_admin_command(CLI::App& app, int& exit_code);
void add_features_command(CLI::App& app, int& exit_code);
void add_access_command(CLI::App& app, int& exit_code);

// The words that their ACTION may be.
std::span<const std::string> control_actions();
std::span<const std::string> admin_actions();
std::span<const std::string> features_actions();

}  // namespace ringcast
