#include "tools/ringload/scenario_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "tools/ringload/json_text.h"
#include "tools/ringload/report.h"
#include "tools/ringload/subject.h"

namespace ringcast::load {
namespace {

std::string name_of(const Scenario& scenario, const ScenarioSubject& subject,
                    const ScenarioLoad& load) {
  if (scenario.loads.size() == 1) return subject.name;
  return scenario.subjects.size() == 1 ? load.name : subject.name + " " + load.name;
}

Result<LoadRun> run_once(const Scenario& scenario, const ScenarioSubject& subject,
                         const ScenarioLoad& load) {
  const auto folder = TemporaryFolder::create();
  if (!folder) return std::unexpected(folder.error());
  auto server = RunningSubject::start(subject, scenario, *folder);
  if (!server) return std::unexpected(server.error());
  std::vector<std::string> words = load.words;
  std::ranges::move(server->words(), std::back_inserter(words));
  if (scenario.client_core >= 0) {
    words.emplace_back("--cpu");
    words.push_back(std::to_string(scenario.client_core));
  }
  auto run = run_load(words, *folder);
  if (!server->stop() && run) {
    return fail("not_ready", fmt::format("{} ended during the run: {}", subject.name,
                                         tail_of(folder->file("server.log"), 10)));
  }
  return run;
}

class Play {
 public:
  Play(const Scenario& scenario, const OnStep& on_step) : scenario_(scenario), on_step_(on_step) {
    for (const ScenarioLoad& load : scenario.loads) {
      for (const ScenarioSubject& subject : scenario.subjects) {
        if (!is_for(load, subject)) continue;
        pairs_.push_back({&subject, &load});
        result_.entries.push_back({.measurement = {.name = name_of(scenario, subject, load),
                                                   .runs = {},
                                                   .scenario = scenario.text},
                                   .subject = subject.name,
                                   .load = load.name,
                                   .jsons = {}});
      }
    }
  }

  // False when it was interrupted.
  bool round(std::uint16_t round) {
    for (std::size_t at = 0; at < pairs_.size(); ++at) {
      const auto [subject, load] = pairs_[at];
      ScenarioStep step{.number = ++number_,
                        .runs = pairs_.size() * scenario_.rounds,
                        .round = round,
                        .subject = *subject,
                        .load = *load};
      on_step_(step);
      auto run = run_once(scenario_, *subject, *load);
      if (!run && run.error().code == "interrupted") return false;
      if (run) {
        ScenarioResult::Entry& entry = result_.entries[at];
        step.result = &entry.measurement.runs.emplace_back(std::move(run->result));
        entry.jsons.push_back(std::move(run->json));
        on_step_(step);
      } else {
        result_.failures.push_back(fmt::format("{}, {}, round {}: {}", subject->name, load->name,
                                               round, run.error().message));
        step.failure = &result_.failures.back();
        on_step_(step);
      }
    }
    return true;
  }

  Result<ScenarioResult> finish() {
    std::erase_if(result_.entries,
                  [](const auto& entry) { return entry.measurement.runs.empty(); });
    if (result_.entries.empty()) {
      return fail("nothing_measured",
                  result_.failures.empty() ? "Nothing was measured." : result_.failures.front());
    }
    return std::move(result_);
  }

 private:
  struct Pair {
    const ScenarioSubject* subject;
    const ScenarioLoad* load;
  };

  const Scenario& scenario_;
  const OnStep& on_step_;
  std::vector<Pair> pairs_;
  std::size_t number_ = 0;
  ScenarioResult result_;
};

}  // namespace

std::vector<Measurement> ScenarioResult::measurements() const {
  std::vector<Measurement> all;
  all.reserve(entries.size());
  for (const Entry& entry : entries) all.push_back(entry.measurement);
  return all;
}

const Measurement* ScenarioResult::of(const std::string& subject, const std::string& load) const {
  const auto found = std::ranges::find_if(
      entries, [&](const Entry& each) { return each.subject == subject && each.load == load; });
  return found == entries.end() ? nullptr : &found->measurement;
}

Result<ScenarioResult> play(const Scenario& scenario, const OnStep& on_step) {
  Play play(scenario, on_step);
  for (std::uint16_t round = 1; round <= scenario.rounds; ++round) {
    if (!play.round(round)) return fail("interrupted", "Interrupted; all servers are stopped.");
  }
  return play.finish();
}

std::string to_json(const Scenario& scenario, const ScenarioResult& result) {
  std::string out = fmt::format(
      R"({{"ringload":{},"format":{},"scenario":{{"title":{},"rounds":{},"text":{}}},)"
      R"("failures":{},"measurements":[)",
      json_quoted(RINGCAST_VERSION), kResultFormat, json_quoted(scenario.title), scenario.rounds,
      json_quoted(scenario.text), json_list(result.failures, json_quoted));
  for (const auto& entry : result.entries) {
    if (&entry != &result.entries.front()) out += ",\n";
    out += fmt::format(R"({{"name":{},"subject":{},"load":{},"runs":[{}]}})",
                       json_quoted(entry.measurement.name), json_quoted(entry.subject),
                       json_quoted(entry.load), fmt::join(entry.jsons, ",\n"));
  }
  return out + "]}\n";
}

}  // namespace ringcast::load
