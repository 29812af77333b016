// A server of a scenario, started afresh for a run, and how a load reaches it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/process.h"
#include "tools/ringload/scenario.h"

namespace ringcast::load {

class RunningSubject {
 public:
  // Starts it unless it is there already, and waits until it is ready. All references must outlive
  // it. Errors: cannot_start, not_ready, bad_url, bad_target, interrupted.
  static Result<RunningSubject> start(const ScenarioSubject& subject, const Scenario& scenario,
                                      const TemporaryFolder& folder);

  // The options that tell a load of it: --url or --target, --port, --server-pid.
  std::vector<std::string> words() const;
  // Ends it: whether it was still running, as it should have.
  bool stop();

 private:
  RunningSubject(const ScenarioSubject& subject, const Scenario& scenario);

  Result<void> locate();
  Result<void> wait_until_ready(const std::string& log);

  const ScenarioSubject& subject_;
  const Scenario& scenario_;
  std::string host_;
  std::uint16_t port_ = 0;
  bool own_port_ = false;  // {port} was replaced by it
  std::optional<Process> process_;
};

}  // namespace ringcast::load
