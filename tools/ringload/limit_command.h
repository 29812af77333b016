// `ringload limit` on the command line: the highest rate at which a load keeps its bounds.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/load_process.h"

namespace ringcast::load {

class LimitCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Tries rates, prints and writes: whether there is one that holds. Errors: bad_usage,
  // load_failed, interrupted, cannot_write.
  Result<bool> run() const;

 private:
  struct Try {
    double rate;
    LoadRun run;
    std::string broken;  // which bound; empty: it held
  };

  Result<Try> try_rate(double rate, const TemporaryFolder& folder) const;
  std::string broken_bound(double rate, const RunResult& run) const;
  std::string summary(const std::vector<Try>& tries, std::optional<double> best,
                      std::optional<double> bad) const;
  std::string json_of(const std::vector<Try>& tries, std::optional<double> best) const;

  std::vector<std::string> load_;
  double p99_ms_ = 10;
  double lost_share_ = 0;
  double from_ = 100;
  double to_ = 1e6;
  double precision_percent_ = 5;
  double time_s_ = 5;
  double warmup_s_ = 1;
  std::string json_;
  bool quiet_ = false;
};

}  // namespace ringcast::load
