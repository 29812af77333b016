// The client's event loop: one or more rings driven by one thread.
//
// A ring's table of direct descriptors is bounded by RLIMIT_NOFILE, so that many connections are
// spread over several rings: up to kMostRings of kConnectionsPerRing connections each, or of as
// many as the limit allows. With one ring a wait is as exact as the kernel's clock; with more, it
// may last kSharedWaitNs longer than it should.
//
// The reactor's timer wheel has ticks of a millisecond, too coarse for send times in an open loop:
// this is why the drivers are used directly here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/driver.h"
#include "core/result.h"

namespace ringcast::load {

class Loop {
 public:
  static constexpr std::size_t kConnectionsPerRing = 19'000;
  static constexpr std::int64_t kSharedWaitNs = 200'000;

  static constexpr std::size_t kMostRings = 16;

  // Raises this process's soft descriptor limit to the hard one. Errors: too_few_descriptors, those
  // of the driver.
  static Result<std::unique_ptr<Loop>> create(std::size_t connections);
  // For tests: one ring on this driver.
  explicit Loop(std::unique_ptr<Driver> driver);

  std::size_t rings() const { return rings_.size(); }
  Driver& ring(std::size_t index) { return *rings_[index]; }

  // When the completions at hand were collected.
  std::int64_t now_ns() const { return now_ns_; }
  std::int64_t clock_ns() const { return rings_.front()->now_ns(); }
  // When it was so late on the wall clock. What is not of this turn or shortly before it (0, or the
  // clock was set meanwhile) was now.
  std::int64_t on_loops_clock(std::int64_t wall_ns);

  // Submits, waits up to wait_ns for a completion (0: not at all), delivers what has finished.
  // The number of completions.
  std::size_t turn(std::int64_t wait_ns);

 private:
  Loop() = default;

  std::vector<std::unique_ptr<Driver>> rings_;
  std::vector<Finished> finished_;
  std::size_t wait_on_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t wall_ahead_ns_ = 0;  // of the loop's clock
  std::int64_t compared_ns_ = 0;    // in which turn
};

}  // namespace ringcast::load
