// Names the seed when the program ends by itself: a broken invariant, a signal, a sanitizer.
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "tests/core/sim/scenario.h"

namespace ringcast::sim {
namespace {

// Written before each run, so that nothing needs to be formatted in a signal handler.
std::array<char, 160> report{};

void say() {
  [[maybe_unused]] const auto written =
      write(STDERR_FILENO, report.data(), std::strlen(&report[0]));
}

void on_signal(int number) {
  say();
  signal(number, SIG_DFL);
  raise(number);
}

}  // namespace

void announce_seed(std::uint64_t seed, unsigned cores) {
  std::snprintf(report.data(), report.size(),
                "\nsimulation: seed %llu ended the program; again: simulation --seed %llu --cores "
                "%u --verbose\n",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(seed),
                cores);
  static const bool installed = [] {
    signal(SIGABRT, on_signal);
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    return true;
  }();
  (void)installed;
}

}  // namespace ringcast::sim

// Called by AddressSanitizer before its report.
// NOLINTNEXTLINE(bugprone-reserved-identifier): its name is given.
extern "C" void __asan_on_error() { ringcast::sim::say(); }
