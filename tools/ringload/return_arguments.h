// The options of subscribers that leave and return: `--churn`, and those of `ringload storm`.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "tools/ringload/options.h"
#include "tools/ringload/target_argument.h"

namespace ringcast::load {

// `--burst`, `--churn` and `--reset`; the command has `--rate` already.
void add_burst_option(CLI::App& app, Options& options);
void add_churn_options(CLI::App& app, Options& options);

extern const char* const kStormExamples;

class StormArguments {
 public:
  // Adds what only `storm` has. Both must stay until the command line has been read.
  void add_to(CLI::App& app, Options& options);
  // What was given, put into the options. Errors: bad_url, bad_target, bad_usage.
  Result<void> settle(Options& options) const;

 private:
  void add_storm_options(CLI::App& app, Options& options);

  TargetArgument target_;
  std::string over_ = "sse";
  bool no_resume_ = false;
};

}  // namespace ringcast::load
