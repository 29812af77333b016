#include "tools/ringload/soak_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tools/ringload/drift.h"
#include "tools/ringload/load_process.h"
#include "tools/ringload/load_words.h"
#include "tools/ringload/report.h"
#include "tools/ringload/text_file.h"

namespace ringcast::load {
namespace {

constexpr const char* kExamples = R"(Examples:
  Does it grow, does it get slower, in a night?
    ringload soak --hours 8 --json night.json -- sse --subscribers 1000 --rate 100 \
      --server-pid $(pidof ringcast)
  The same for five minutes:
    ringload soak --hours 0.0833 -- ws --rate 1000 --server-pid $(pidof ringcast)

Behind -- stands a load as `ringload sse`, `ws`, `chunked` or `mcp` take it. A line for each
interval tells how it goes. In the end the last quarter of the time is compared with the first, and
the trend of all intervals must agree, so that a bad minute is no drift. A first hour that fills a
server's history is a growth, too: give it a --warmup.
Exit status: 0 steady, 1 could not measure, 2 wrong usage, 3 something drifted, or was lost, doubled
or out of order.
)";

constexpr double kIntervals = 200;  // unless given

}  // namespace

void SoakCommand::add_to(CLI::App& app) {
  app.add_option("LOAD", load_, "the load: -- sse --rate 100 ...")->required();
  app.add_option("--hours", hours_, "how long it is measured")
      ->check(CLI::Range(0.001, 8760.0))
      ->capture_default_str();
  app.add_option("--interval", interval_s_,
                 "seconds of an interval (default: a two-hundredth of the time, one at least)")
      ->check(CLI::Range(0.5, 3600.0));
  app.add_option("--memory", memory_percent_, "percent that the server's memory may grow by")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--latency", latency_percent_, "percent that p50 and p99 may grow by")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--json", json_, "write the result here, for `ringload report`");
  app.add_flag("--quiet", quiet_, "no line for each interval");
  app.footer(kExamples);
}

Result<bool> SoakCommand::run() const {
  if (auto fit = check_load_words(load_, {"--time", "--interval", "--print-intervals", "--idle"});
      !fit) {
    return std::unexpected(fit.error());
  }
  const double time_s = 3600 * hours_;
  const double interval_s =
      interval_s_ > 0 ? interval_s_ : std::clamp(time_s / kIntervals, 1.0, 3600.0);
  if (time_s < kLeastIntervals * interval_s) {
    return fail("bad_usage", fmt::format("{:.0f} s are too short: at least {} intervals of {} s "
                                         "are compared.",
                                         time_s, kLeastIntervals, interval_s));
  }
  const auto folder = TemporaryFolder::create();
  if (!folder) return std::unexpected(folder.error());
  std::vector<std::string> words = load_;
  for (const auto& [option, value] : {std::pair("--time", time_s), {"--interval", interval_s}}) {
    words.emplace_back(option);
    words.push_back(fmt::format("{:.9g}", value));
  }
  if (!quiet_) words.emplace_back("--print-intervals");
  const auto run = run_load(words, *folder, quiet_ ? Errors::kept : Errors::shown);
  if (!run) return std::unexpected(run.error());
  const RunResult& result = run->result;
  const Drifts drifts = drifts_of(result, memory_percent_ / 100, latency_percent_ / 100);
  std::fputs(to_text(drifts).c_str(), stdout);
  fmt::print("{} deliveries in {:.2f} h: lost {}, duplicates {}, out of order {}\n",
             with_commas(result.delivered), drifts.hours, with_commas(result.lost),
             with_commas(result.duplicates), with_commas(result.out_of_order));
  if (!result.server_cpu_s) {
    fmt::print("The server's memory is unknown: --server-pid says which process it is.\n");
  }
  if (auto written = write_text(json_, run->json + "\n"); !written) {
    return std::unexpected(written.error());
  }
  const double wrong =
      result.lost + result.duplicates + result.out_of_order + result.altered + result.calls_failed;
  return drifts.steady() && wrong == 0;
}

}  // namespace ringcast::load
