// `ringload report` and `ringload diff` on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

class ReportCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Prints and writes what was asked for: true. Errors: those of reading, cannot_write.
  Result<bool> run() const;

 private:
  std::vector<std::string> files_;
  std::string csv_;
  std::string html_;
  std::string title_ = "Load test";
  bool quiet_ = false;
};

class DiffCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Prints the comparison: whether nothing is worse. Errors: those of reading, nothing_in_common.
  Result<bool> run() const;

 private:
  std::string before_;
  std::string after_;
  double bound_percent_ = 5;
};

}  // namespace ringcast::load
