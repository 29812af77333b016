// Runtime: one thread per core, each pinned, with its own reactor.
//
// run() starts the threads, lets `main` set each core up on its own thread, waits until every
// core's reactor has stopped and joins the threads. If one core cannot start (no ring, no memory),
// none runs and the error comes back.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/reactor.h"
#include "core/result.h"
#include "core/uring_driver.h"

namespace ringcast {

struct RuntimeOptions {
  std::vector<unsigned> cores;  // CPU numbers; empty: every CPU this process may use
  UringLimits uring;
};

class Runtime {
 public:
  // Called on each core's thread, after all reactors are connected and before any runs.
  using CoreMain = std::function<void(Reactor&)>;

  static Result<std::unique_ptr<Runtime>> create(RuntimeOptions options);
  ~Runtime();

  std::size_t cores() const { return options_.cores.size(); }
  // `finish` runs on each core's thread after every core has stopped, before its reactor goes.
  Result<void> run(const CoreMain& main, const CoreMain& finish = {});
  // Makes every reactor stop; from any thread, also from a reactor's, and also before run().
  void stop();
  Reactor& reactor(std::size_t core) { return *reactors_[core]; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct StopMessage;
  explicit Runtime(RuntimeOptions options);
  void post_stops();

  RuntimeOptions options_;
  std::vector<Reactor*> reactors_;
  std::mutex stop_mutex_;
  bool stop_asked_ = false;
  std::vector<std::unique_ptr<StopMessage>> stops_;  // while there are reactors
  std::vector<std::string> notes_;
};

// Parses "0,2-3"; empty text gives an empty list.
Result<std::vector<unsigned>> parse_cores(std::string_view text);

}  // namespace ringcast
