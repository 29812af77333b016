// Runs the core on simulated kernels, one seed after the other, until one fails.
//
//   simulation --seeds 10000           seeds 1 to 10000
//   simulation --seed 4711 --verbose   one seed, with all that happens in it
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>

#include "tests/core/sim/scenario.h"

namespace {

using ringcast::sim::Outcome;
using ringcast::sim::Scenario;

struct Options {
  std::uint64_t seeds = 1'000;
  std::uint64_t first = 1;
  std::uint64_t seed = 0;
  unsigned cores = 0;
  bool verbose = false;
  bool twice = false;
};

Outcome run_seed(std::uint64_t seed, const Options& options, bool verbose) {
  ringcast::sim::announce_seed(seed, options.cores);
  return Scenario(seed, options.cores, verbose).run();
}

bool report(std::uint64_t seed, const Options& options, const Outcome& outcome) {
  if (outcome.failure.empty()) return true;
  fmt::print("simulation: seed {} failed: {}\nagain: simulation --seed {} --cores {} --verbose\n",
             seed, outcome.failure, seed, options.cores);
  return false;
}

int run(const Options& options) {
  if (options.seed != 0) {
    const Outcome outcome = run_seed(options.seed, options, options.verbose);
    if (!report(options.seed, options, outcome)) return 1;
    fmt::print("seed {}: {} published, {} delivered, {} gaps, {} turns, trace {:016x}\n",
               options.seed, outcome.published, outcome.delivered, outcome.gaps, outcome.turns,
               outcome.hash);
    return 0;
  }
  const auto begin = std::chrono::steady_clock::now();
  Outcome sum;
  for (std::uint64_t n = 0; n < options.seeds; ++n) {
    const std::uint64_t seed = options.first + n;
    const Outcome outcome = run_seed(seed, options, options.verbose);
    if (!report(seed, options, outcome)) return 1;
    if (options.twice && run_seed(seed, options, false).hash != outcome.hash) {
      fmt::print("simulation: seed {} gives two different runs\n", seed);
      return 1;
    }
    sum.published += outcome.published;
    sum.delivered += outcome.delivered;
    sum.gaps += outcome.gaps;
    sum.turns += outcome.turns;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print(
      "simulation: {} seeds passed in {:.1f} s: {} events published, {} delivered, {} gaps, "
      "{} turns\n",
      options.seeds, took.count(), sum.published, sum.delivered, sum.gaps, sum.turns);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Runs the core on simulated kernels; the same seed is the same run.");
  app.add_option("--seeds", options.seeds, "How many seeds")->capture_default_str();
  app.add_option("--first", options.first, "The first of them")->capture_default_str();
  app.add_option("--seed", options.seed, "Only this one");
  app.add_option("--cores", options.cores, "Simulated cores, 1 to 8; 0: as the seed has it")
      ->check(CLI::Range(0, 8));
  app.add_flag("--verbose", options.verbose, "Tells everything that happens");
  app.add_flag("--twice", options.twice, "Runs each seed twice and compares the traces");
  CLI11_PARSE(app, argc, argv);
  return run(options);
}
