// The options of `ringload mcp` on the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "core/result.h"
#include "tools/ringload/options.h"

namespace ringcast::load {

extern const char* const kMcpExamples;

class McpArguments {
 public:
  // Adds what only `mcp` has. Both must stay until the command line has been read.
  void add_to(CLI::App& app, Options& options);
  // What was given, put into the options. Errors: bad_url, bad_target, bad_usage.
  Result<void> settle(Options& options) const;

 private:
  Result<void> take_target(Options& options) const;
  Result<void> check(const Options& options) const;

  std::string url_ = "http://127.0.0.1:8080";
  std::string target_file_;  // empty: not given, as the next three
  std::string tool_;
  std::string argument_;
  std::string era_;
  std::string transport_ = "http";
  std::uint32_t connections_ = 32;
  std::uint32_t window_ = 0;  // not given
  bool idle_ = false;
};

}  // namespace ringcast::load
