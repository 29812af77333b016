// `ringload run SCENARIO` on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/scenario.h"
#include "tools/ringload/scenario_run.h"

namespace ringcast::load {

// Where the measurements of a scenario go, besides what is printed.
struct ResultFiles {
  std::string json, html, csv;

  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Error: cannot_write.
  Result<void> write(const Scenario& scenario, const ScenarioResult& result) const;
};

// A line on standard error for each run.
OnStep step_printer(bool quiet);

class RunCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Plays it, prints and writes: whether all runs were measured, and nothing was lost (`strict`).
  // Errors: bad_scenario, bad_usage, those of play(), cannot_write.
  Result<bool> run() const;

 private:
  Result<void> choose(Scenario& scenario) const;

  std::string file_;
  std::vector<std::string> loads_;
  std::vector<std::string> subjects_;
  std::uint16_t rounds_ = 0;  // as the scenario says
  ResultFiles files_;
  bool strict_ = false;
  bool quiet_ = false;
};

}  // namespace ringcast::load
