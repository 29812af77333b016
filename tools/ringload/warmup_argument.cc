#include "tools/ringload/warmup_argument.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "tools/ringload/steadiness.h"

namespace ringcast::load {
namespace {

constexpr const char* kAuto = "auto";

// What is wrong with it; empty: nothing.
std::string objection(const std::string& word) {
  if (word == kAuto) return "";
  const std::string wrong = CLI::Range(0.0, 86400.0)(word);
  return wrong.empty() ? "" : wrong + " (or `auto`)";
}

}  // namespace

void add_warmup_option(CLI::App& app, Options& options) {
  const auto take = [&options](const std::string& word) {
    options.warmup_auto = word == kAuto;
    if (!options.warmup_auto) options.warmup_s = std::stod(word);
  };
  app.add_option_function<std::string>(
         "--warmup", take,
         fmt::format("seconds of load before measuring; auto: until three intervals of {} s agree "
                     "in throughput (closed loop) and latency, at most {:.0f} s",
                     WarmUp::kIntervalS, WarmUp::kLongestS))
      ->check(objection)
      ->type_name("SECONDS|auto")
      ->default_str(fmt::format("{:g}", options.warmup_s));
}

}  // namespace ringcast::load
