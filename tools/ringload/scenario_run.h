// Plays a scenario: every round starts each server afresh for each of its loads, one after the
// other, so that a machine that gets slower does so for all of them.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/load_process.h"
#include "tools/ringload/scenario.h"

namespace ringcast::load {

struct ScenarioResult {
  struct Entry {
    Measurement measurement;
    std::string subject;
    std::string load;
    std::vector<std::string> jsons;  // of the runs
  };
  std::vector<Entry> entries;  // with one run at least
  std::vector<std::string> failures;

  std::vector<Measurement> measurements() const;
  const Measurement* of(const std::string& subject, const std::string& load) const;
};

// How far it has come: before a run, and after it.
struct ScenarioStep {
  std::size_t number = 0;  // of the run, from 1
  std::size_t runs = 0;
  std::uint16_t round = 0;  // from 1
  const ScenarioSubject& subject;
  const ScenarioLoad& load;
  const RunResult* result = nullptr;  // once it is over
  const std::string* failure = nullptr;
};
using OnStep = std::function<void(const ScenarioStep&)>;

// What fails is named in the result, and the others go on. Errors: interrupted, cannot_write,
// nothing_measured.
Result<ScenarioResult> play(const Scenario& scenario, const OnStep& on_step);

// What `ringload report` reads, with the scenario in it.
std::string to_json(const Scenario& scenario, const ScenarioResult& result);

}  // namespace ringcast::load
