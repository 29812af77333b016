// The command line's words for the server of a load: those of `sse`, `ws`, `chunked` and `storm`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "core/result.h"
#include "tools/ringload/options.h"

namespace ringcast::load {

class TargetArgument {
 public:
  // Both must stay until the command line has been read.
  void add_to(CLI::App& app, Options& options);
  // Errors: bad_url, bad_target.
  Result<Target> read() const;
  const std::string& file() const { return file_; }  // empty: not given

 private:
  std::string url_ = "http://127.0.0.1:8080";
  std::string file_;
};

// --sources; `more` says what else is there to its default.
void add_sources_option(CLI::App& app, Options& options, const std::string& more = "");

}  // namespace ringcast::load
