// A benchmark of a hot path: HOT_PATH(function)->Arg(…).
//
// Google Benchmark repeats it for as long as the clock says. With `--iterations N` it runs exactly
// so often: `bench/instructions` counts the instructions of two such runs, and their difference,
// divided by that of the iterations, is what one iteration costs, the same on every machine.
#pragma once

#include <benchmark/benchmark.h>

#include <charconv>
#include <string_view>
#include <vector>

namespace ringcast {

inline std::vector<benchmark::internal::Benchmark*>& hot_paths() {
  static std::vector<benchmark::internal::Benchmark*> all;
  return all;
}

inline benchmark::internal::Benchmark* add_hot_path(benchmark::internal::Benchmark* one) {
  hot_paths().push_back(one);
  return one;
}

#define HOT_PATH(function)                                                       \
  [[maybe_unused]] static benchmark::internal::Benchmark* const hot_##function = \
      ::ringcast::add_hot_path(benchmark::RegisterBenchmark(#function, function))

// 0, or the exit status where the arguments are wrong.
inline int run_hot_paths(int argc, char** argv) {
  constexpr std::string_view kIterations = "--iterations=";
  if (argc > 1 && std::string_view(argv[argc - 1]).starts_with(kIterations)) {
    const auto text = std::string_view(argv[argc - 1]).substr(kIterations.size());
    benchmark::IterationCount count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    if (count <= 0) return 2;
    for (auto* const one : hot_paths()) one->Iterations(count);
    --argc;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace ringcast
