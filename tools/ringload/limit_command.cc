#include "tools/ringload/limit_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tools/ringload/json_text.h"
#include "tools/ringload/knee.h"
#include "tools/ringload/load_words.h"
#include "tools/ringload/report.h"
#include "tools/ringload/report_table.h"
#include "tools/ringload/text_file.h"

namespace ringcast::load {
namespace {

constexpr double kLeastKept = 0.98;  // of the rate: below it the server does not keep up

constexpr const char* kExamples = R"(Examples:
  How many events a second reach 1000 subscribers with a p99 below 10 ms, and none lost?
    ringload limit --p99-ms 10 -- sse --subscribers 1000 --publishers 8
  And calls of a tool, up to 1 ms, from 1000 calls a second on?
    ringload limit --p99-ms 1 --from 1000 -- mcp --connections 100

Behind -- stands a load as `ringload sse`, `ws`, `chunked` or `mcp` take it, without a rate. That
is doubled until a bound breaks twice in a row, then narrowed down; each try is a run of its own.
Events that were due and could not be sent (the server does not keep up), less than 98 % of the
rate, or a client that has no time left break it as well: the last is the client's limit, not the
server's, and is named so.
Exit status: 0 found, 1 could not measure, 2 wrong usage, 3 not even the lowest rate held.
)";

std::string ms_of(std::optional<double> us) { return us ? human_us(*us) : "-"; }

}  // namespace

void LimitCommand::add_to(CLI::App& app) {
  app.add_option("LOAD", load_, "the load: -- sse --subscribers 1000 ...")->required();
  app.add_option("--p99-ms", p99_ms_, "the latency that 99 % may have at most, in milliseconds")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("--lost", lost_share_, "share of the deliveries that may be lost")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  app.add_option("--from", from_, "the first rate, events or calls a second")
      ->check(CLI::Range(0.01, 1e7))
      ->capture_default_str();
  app.add_option("--to", to_, "the highest rate that is tried")
      ->check(CLI::Range(0.01, 1e7))
      ->capture_default_str();
  app.add_option("--precision", precision_percent_, "percent between the best and the lowest bad")
      ->check(CLI::Range(0.1, 100.0))
      ->capture_default_str();
  app.add_option("--time", time_s_, "seconds of each try")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  app.add_option("--warmup", warmup_s_, "seconds before it")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--json", json_, "write all tries here, for `ringload report`");
  app.add_flag("--quiet", quiet_, "no progress");
  app.footer(kExamples);
}

std::string LimitCommand::broken_bound(double rate, const RunResult& run) const {
  if (run.client_share.value_or(0) > 0.9) return "the client has no time left";
  if (run.unsent > 0) return "events could not be sent in time";
  if (run.events_per_s < kLeastKept * rate) return "the rate is not kept";
  if (run.lost > lost_share_ * run.delivered) return "events were lost";
  if (run.duplicates + run.out_of_order + run.altered + run.calls_failed > 0) {
    return "deliveries were wrong";
  }
  if (!run.latency.p99_us) return "nothing arrived";
  return *run.latency.p99_us > p99_ms_ * 1000 ? "p99" : "";
}

Result<LimitCommand::Try> LimitCommand::try_rate(double rate, const TemporaryFolder& folder) const {
  std::vector<std::string> words = load_;
  for (const auto& [option, value] :
       {std::pair("--rate", rate), {"--time", time_s_}, {"--warmup", warmup_s_}}) {
    words.emplace_back(option);
    words.push_back(fmt::format("{:.6g}", value));
  }
  auto run = run_load(words, folder);
  if (!run) return std::unexpected(run.error());
  Try one{.rate = rate, .run = std::move(*run), .broken = {}};
  one.broken = broken_bound(rate, one.run.result);
  return one;
}

Result<bool> LimitCommand::run() const {
  if (auto fit = check_load_words(load_, {"--rate", "--window", "--idle", "--time", "--warmup"});
      !fit) {
    return std::unexpected(fit.error());
  }
  if (to_ < from_) return fail("bad_usage", "--to is below --from.");
  const auto folder = TemporaryFolder::create();
  if (!folder) return std::unexpected(folder.error());
  KneeSearch search(from_, to_, precision_percent_ / 100);
  std::vector<Try> tries;
  while (const auto rate = search.next()) {
    auto one = try_rate(*rate, *folder);
    if (!one) return std::unexpected(one.error());
    if (!quiet_) {
      fmt::print(stderr, "{:>12.6g}/s  p99 {:>8}  {}\n", *rate,
                 ms_of(one->run.result.latency.p99_us),
                 one->broken.empty() ? "holds" : one->broken);
    }
    search.tell(one->broken.empty());
    tries.push_back(std::move(*one));
  }
  std::fputs(summary(tries, search.best(), search.bad()).c_str(), stdout);
  if (auto written = write_text(json_, json_of(tries, search.best())); !written) {
    return std::unexpected(written.error());
  }
  return search.best().has_value();
}

std::string LimitCommand::summary(const std::vector<Try>& tries, std::optional<double> best,
                                  std::optional<double> bad) const {
  std::vector<const Try*> sorted;
  sorted.reserve(tries.size());
  for (const Try& each : tries) sorted.push_back(&each);
  std::ranges::sort(sorted, {}, &Try::rate);
  std::vector<std::vector<std::string>> rows = {
      {"rate", "deliveries/s", "p50", "p99", "max", "server CPU", "client", ""}};
  for (const Try* const each : sorted) {
    const RunResult& run = each->run.result;
    const auto share = [](std::optional<double> value) {
      return value ? fmt::format("{:.0f} %", 100 * *value) : "-";
    };
    const auto server =
        run.server_cpu_s ? std::optional(*run.server_cpu_s / run.seconds) : std::nullopt;
    rows.push_back({fmt::format("{:.6g}/s", each->rate), with_commas(run.deliveries_per_s),
                    ms_of(run.latency.p50_us), ms_of(run.latency.p99_us), ms_of(run.latency.max_us),
                    share(server), share(run.client_share),
                    each->broken.empty() ? "holds" : each->broken});
  }
  std::string out = aligned(rows);
  if (!best) {
    return out + fmt::format("No rate holds, down to {:.6g}/s.\n", sorted.front()->rate);
  }
  const auto found = std::ranges::find_if(
      tries, [&](const Try& each) { return each.rate == *best && each.broken.empty(); });
  out += fmt::format("{:.6g}/s hold: {} deliveries/s, p99 {}", *best,
                     with_commas(found->run.result.deliveries_per_s),
                     ms_of(found->run.result.latency.p99_us));
  if (!bad) return out + "; higher rates were not tried (--to).\n";
  const auto broken = std::ranges::find(sorted, *bad, &Try::rate);
  return out + fmt::format("; {:.6g}/s do not: {}.\n", *bad, (*broken)->broken);
}

std::string LimitCommand::json_of(const std::vector<Try>& tries, std::optional<double> best) const {
  std::string out = fmt::format(
      R"({{"ringload":{},"format":{},"limit":{{"rate":{},"p99_ms":{},"lost":{}}},"measurements":[)",
      json_quoted(RINGCAST_VERSION), kResultFormat, best ? fmt::format("{}", *best) : "null",
      p99_ms_, lost_share_);
  std::vector<double> rates;
  rates.reserve(tries.size());
  for (const Try& each : tries) rates.push_back(each.rate);
  std::ranges::sort(rates);
  rates.erase(std::ranges::unique(rates).begin(), rates.end());
  for (const double rate : rates) {
    std::vector<std::string> runs;
    for (const Try& each : tries) {
      if (each.rate == rate) runs.push_back(each.run.json);
    }
    if (rate != rates.front()) out += ",\n";
    out += fmt::format(R"({{"name":"{:.6g}/s","runs":[{}]}})", rate, fmt::join(runs, ",\n"));
  }
  return out + "]}\n";
}

}  // namespace ringcast::load
