// The commands that put a server under load, on the command line: sse, ws, chunked, storm and mcp.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "tools/ringload/mcp_arguments.h"
#include "tools/ringload/options.h"
#include "tools/ringload/return_arguments.h"
#include "tools/ringload/target_argument.h"

namespace ringcast::load {

class LoadArguments {
 public:
  // Must stay until the command line has been read.
  void add_to(CLI::App& app);
  // Whether one of the commands was given.
  bool parsed() const;
  // What was given. Errors: bad_url, bad_target, bad_usage.
  Result<Options> settle();

 private:
  void add_load_options(CLI::App& app);
  void add_round_trip_options(CLI::App& app);
  void add_time_options(CLI::App& app, Options& options);
  void add_report_options(CLI::App& app, Options& options);
  Result<void> settle_fan_out();

  CLI::App* sse_ = nullptr;
  CLI::App* ws_ = nullptr;
  CLI::App* chunked_ = nullptr;
  CLI::App* storm_ = nullptr;
  CLI::App* mcp_ = nullptr;
  Options options_;  // of the first three
  std::uint32_t connections_ = 100;
  std::uint32_t echo_bytes_ = 0;  // 0: no echo
  bool control_ = false;
  bool idle_ = false;
  TargetArgument target_;
  std::uint16_t port_ = 0;  // not given
  StormArguments storm_arguments_;
  Options storm_options_;
  McpArguments mcp_arguments_;
  Options mcp_options_;
};

}  // namespace ringcast::load
