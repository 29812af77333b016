#include "tools/ringload/run_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "tools/ringload/figure.h"
#include "tools/ringload/report_csv.h"
#include "tools/ringload/report_html.h"
#include "tools/ringload/report_table.h"
#include "tools/ringload/text_file.h"

namespace ringcast::load {
namespace {

constexpr const char* kExamples = R"(Examples:
  Four transports, five rounds, with a report to pass on:
    ringload run bench/scenarios/transports.yaml --rounds 5 --html runs.html --json runs.json
  Only a part of it, to see whether it runs:
    ringload run bench/scenarios/transports.yaml --rounds 1 --load SSE --subject ringcast

A scenario (YAML) says which servers are measured and which loads they get:
    format: 1
    title: ringcast beside nchan
    rounds: 3              # each runs every load once on every server, freshly started
    directory: ../..       # where commands run and target files are; default: this file's
    client_core: 1         # of the load
    subjects:
      ringcast:
        start: [build/release/bin/ringcast, serve, --listen, "127.0.0.1:{port}", --cores, "0"]
        url: "http://127.0.0.1:{port}"
        ready: /health     # answers with 200 once it can be measured; default: it accepts
      nchan:
        start: [nginx, -c, /etc/nginx/nchan.conf]
        cores: [0]         # where its processes may run
        environment: {}
        target: bench/targets/nchan.yaml
    loads:                 # options of `ringload sse`, `ws`, `chunked` or `mcp`
      flat out: {over: sse, subscribers: 1000, publishers: 32, window: 64, time: 5}
      paced: {over: sse, subscribers: 1000, rate: 100, time: 5, subjects: [ringcast]}
{port} is a free port, another one for each run. A server without `start` is there already. The
JSON has the scenario in it.
Exit status: 0 measured, 1 something could not be measured, 2 wrong usage, 3 (with --strict)
something was lost, doubled or out of order.
)";

template <class T>
Result<void> keep_only(std::vector<T>& all, const std::vector<std::string>& names,
                       std::string_view what) {
  for (const std::string& name : names) {
    if (std::ranges::find(all, name, &T::name) != all.end()) continue;
    std::vector<std::string> known;
    known.reserve(all.size());
    for (const T& each : all) known.push_back(each.name);
    return fail("bad_usage", fmt::format("There is no {} `{}`; there are: {}.", what, name,
                                         fmt::join(known, ", ")));
  }
  if (!names.empty()) {
    std::erase_if(
        all, [&](const T& each) { return std::ranges::find(names, each.name) == names.end(); });
  }
  return {};
}

std::string outcome(const ScenarioStep& step) {
  if (step.failure != nullptr) return "FAILED: " + printable(*step.failure);
  std::string text;
  for (const char* name : {"deliveries_per_s", "p99_us", "server_cpu_ns_per_delivery"}) {
    const Figure& each = figure(name);
    const auto value = each.of(*step.result);
    if (!value) continue;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", each.title, human(each.unit, *value));
  }
  return text;
}

bool nothing_wrong(const ScenarioResult& result) {
  return std::ranges::all_of(result.entries, [](const auto& entry) {
    return std::ranges::all_of(entry.measurement.runs, [](const RunResult& run) {
      return run.lost + run.duplicates + run.out_of_order + run.altered + run.calls_failed == 0;
    });
  });
}

}  // namespace

void ResultFiles::add_to(CLI::App& app) {
  app.add_option("--json", json, "write the measurements here, for `ringload report` and `diff`");
  app.add_option("--html", html, "write a report with plots here");
  app.add_option("--csv", csv, "write a line a run here");
}

Result<void> ResultFiles::write(const Scenario& scenario, const ScenarioResult& result) const {
  const auto measurements = result.measurements();
  if (auto written = write_text(json, to_json(scenario, result)); !written) return written;
  if (!html.empty()) {
    if (auto written = write_text(html, html_of(measurements, scenario.title)); !written) {
      return written;
    }
  }
  return csv.empty() ? Result<void>() : write_text(csv, csv_of(measurements));
}

OnStep step_printer(bool quiet) {
  return [quiet](const ScenarioStep& step) {
    if (step.failure != nullptr || (!quiet && step.result != nullptr)) {
      fmt::print(stderr, "{:>3} of {}, round {}: {}, {}: {}\n", step.number, step.runs, step.round,
                 printable(step.subject.name), printable(step.load.name), outcome(step));
    }
  };
}

void RunCommand::add_to(CLI::App& app) {
  app.add_option("SCENARIO", file_, "a file that says which servers get which loads")->required();
  app.add_option("--rounds", rounds_, "rounds, instead of what the scenario says")
      ->check(CLI::Range(1, 1000));
  app.add_option("--load", loads_, "only this load (repeatable)")->allow_extra_args(false);
  app.add_option("--subject", subjects_, "only this server (repeatable)")->allow_extra_args(false);
  files_.add_to(app);
  app.add_flag("--strict", strict_, "exit with 3 if anything was lost or doubled");
  app.add_flag("--quiet", quiet_, "no progress, no table");
  app.footer(kExamples);
}

Result<void> RunCommand::choose(Scenario& scenario) const {
  if (rounds_ != 0) scenario.rounds = rounds_;
  if (auto kept = keep_only(scenario.loads, loads_, "load"); !kept) return kept;
  return keep_only(scenario.subjects, subjects_, "subject");
}

Result<bool> RunCommand::run() const {
  auto scenario = scenario_from_file(file_);
  if (!scenario) return std::unexpected(scenario.error());
  if (auto chosen = choose(*scenario); !chosen) return std::unexpected(chosen.error());
  const auto result = play(*scenario, step_printer(quiet_));
  if (!result) return std::unexpected(result.error());
  if (!quiet_) std::fputs(table_of(result->measurements(), text_width()).c_str(), stdout);
  if (auto written = files_.write(*scenario, *result); !written) {
    return std::unexpected(written.error());
  }
  if (!result->failures.empty()) {
    return fail("load_failed",
                fmt::format("{} of the runs could not be measured.", result->failures.size()));
  }
  return !strict_ || nothing_wrong(*result);
}

}  // namespace ringcast::load
