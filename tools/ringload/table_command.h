// `ringload table` on the command line: four transports, 10,000 events each, ringcast beside the
// reference stack (bench/reference) and the figures published for such a stack.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "tools/ringload/run_command.h"
#include "tools/ringload/scenario.h"

namespace ringcast::load {

class TableCommand {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Plays it, prints and writes: whether the bounds hold that `--check` asks for. Errors:
  // not_found, those of play(), cannot_write.
  Result<bool> run() const;

 private:
  Result<Scenario> scenario() const;
  Result<std::string> ringcast_texts() const;
  Result<std::string> reference_text() const;

  std::string ringcast_;   // empty: beside this program
  std::string tool_;       // the same
  std::string reference_;  // empty: in the folder this program was built in; "none": left out
  std::uint32_t events_ = 10'000;
  double time_s_ = 20;
  std::uint16_t rounds_ = 3;
  int server_core_ = 0;
  int client_core_ = 1;
  ResultFiles files_;
  bool check_ = false;
  bool quiet_ = false;
};

}  // namespace ringcast::load
