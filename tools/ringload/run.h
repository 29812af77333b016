// One run from the first connection to the report.
//
//   connect → (warm up) → measure → drain → report
//
// Publishing goes on without a break from the warm-up to the end of the measuring. Then what is
// under way may arrive: until nothing is outstanding, or nothing has come for kDrainQuietNs.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "tools/ringload/activity.h"
#include "tools/ringload/arrivals.h"
#include "tools/ringload/live_progress.h"
#include "tools/ringload/loop.h"
#include "tools/ringload/machine.h"
#include "tools/ringload/options.h"
#include "tools/ringload/report.h"
#include "tools/ringload/timeline.h"
#include "tools/ringload/workload.h"

namespace ringcast::load {

class Run {
 public:
  // `options` must outlive the run.
  static Result<std::unique_ptr<Run>> create(const Options& options);

  // Errors: cannot_connect, subscribe_failed, publish_failed, call_failed, interrupted. What
  // went wrong for a part only is in the report's warnings.
  Result<Report> run();  // ends early when interrupted (interruption.h)

 private:
  struct Sample {
    std::int64_t at_ns = 0;
    std::uint64_t answered = 0;
    std::uint64_t delivered = 0;
    std::uint64_t receives = 0;
    CpuTime server;
    CpuTime own;
    std::uint64_t drops = 0;
    CpuTicks ticks;
    Activity activity;  // of the server
  };

  Run(const Options& options, const Address& address, std::unique_ptr<Loop> loop);

  Result<Report> measured();
  Result<void> connect();
  Result<void> load(Report& report);
  // When the measuring begins.
  std::int64_t warm_up(Report& report);
  bool hopeless() const;
  void turn(std::int64_t until_ns);
  void turn_until(std::int64_t until_ns);
  void drain();
  void enter(RunPhase phase, double total_s);
  void show_progress();
  Timeline::Seen seen();
  Sample sample() const;
  void fill(Report& report, const Sample& from, const Sample& to) const;
  void warn(Report& report) const;
  Pacer& pacer() { return workload_->pacer(); }
  const Pacer& pacer() const { return std::as_const(*workload_).pacer(); }
  std::int64_t now_ns() const { return loop_->clock_ns() - arrivals_.origin_ns; }

  const Options& options_;
  Address address_;
  std::unique_ptr<Loop> loop_;
  Arrivals arrivals_;
  Timeline warming_up_;
  Timeline timeline_;
  Timeline* running_ = &warming_up_;
  std::unique_ptr<Workload> workload_;
  std::string_view members_;  // what they are called
  Memory memory_before_;
  Memory memory_connected_;
  static constexpr std::uint64_t kAny = ~std::uint64_t{0};
  std::uint64_t enough_ = kAny;  // answered: the measuring ends
  LiveProgress progress_;
  RunPhase phase_ = RunPhase::connecting;
  std::int64_t phase_from_ns_ = 0;
  double phase_s_ = 0;  // how long it is to last; 0: as long as it takes
  bool polling_ = false;
  std::uint64_t waiting_cpu_ns_ = 0;  // spent waiting in a loop
};

}  // namespace ringcast::load
