// What a run puts a server under: who connects, and what has become of it.
//
// Lifecycle: connect() every turn until settled(), then the pacer sends from begin_load() to
// end_load(), and step() is called every turn until all has arrived, then fill() and warn().
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/result.h"
#include "tools/ringload/pacer.h"
#include "tools/ringload/report.h"

namespace ringcast::load {

class Workload {
 public:
  Workload() = default;
  virtual ~Workload() = default;
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  virtual Pacer& pacer() = 0;
  const Pacer& pacer() const { return const_cast<Workload&>(*this).pacer(); }

  // Starts the connections that are due.
  virtual void connect(std::int64_t now_ns) = 0;
  // When connect() has something to do next; -1: nothing by the clock.
  virtual std::int64_t next_connect_ns() const = 0;
  virtual bool settled() const = 0;
  virtual std::size_t connected() const = 0;  // or failed
  virtual std::size_t size() const = 0;
  // Whether going on is worth it. Errors: subscribe_failed, publish_failed, call_failed.
  virtual Result<void> check() const = 0;

  // Connections, requests and calls that failed until now.
  virtual std::uint64_t failures() const = 0;
  // Times are ns since the start of the run.
  virtual void begin_load(std::int64_t) {}
  virtual void begin_measuring(std::int64_t) {}
  virtual void end_load(std::int64_t) {}
  virtual void step(std::int64_t) {}
  // When step() has something to do next; -1: nothing by the clock.
  virtual std::int64_t next_step_ns() const { return -1; }
  // Somebody is on the way back: silence is no reason to stop waiting.
  virtual bool returning() const { return false; }
  // Why nothing that is measured would be worth anything; null: all is well.
  virtual const Error* failure() const { return nullptr; }

  // Whoever the server's memory is divided by.
  virtual std::size_t members() const = 0;
  virtual void fill(Report& report) const = 0;
  virtual void warn(Report& report) const = 0;
};

}  // namespace ringcast::load
