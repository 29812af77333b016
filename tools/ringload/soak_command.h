// `ringload soak` on the command line: a load for hours, and what has changed meanwhile.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

class SoakCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Runs it and prints: whether nothing drifted, and nothing was lost. Errors: bad_usage,
  // load_failed, interrupted, cannot_write.
  Result<bool> run() const;

 private:
  std::vector<std::string> load_;
  double hours_ = 1;
  double interval_s_ = 0;  // not given
  double memory_percent_ = 10;
  double latency_percent_ = 50;
  std::string json_;
  bool quiet_ = false;
};

}  // namespace ringcast::load
