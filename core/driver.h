// The seam between the reactor and the kernel. The product runs on UringDriver; tests put a
// simulated kernel behind the same type, whose seed decides delays, short sends, resets, the order
// of completions and the clock.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/operation.h"

namespace ringcast {

struct Finished {
  Completion* completion;
  unsigned tag;
  std::int32_t result;
  std::uint32_t flags;
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Queues an operation for the next turn. Never fails: a full queue is submitted first.
  virtual void push(const Operation& operation) = 0;

  // Submits what is queued, waits up to wait_ns for at least one completion (0: does not wait,
  // negative: no limit) and appends a bounded number of what has finished to `finished`.
  virtual void turn(std::int64_t wait_ns, std::vector<Finished>& finished) = 0;

  // Makes a turn() that waits return. The only call that other threads may make.
  virtual void wake() = 0;

  virtual std::int64_t now_ns() const = 0;         // monotonic
  virtual std::int64_t wall_clock_ms() const = 0;  // since 1970

  // The provided receive buffers, each followed by readable padding.
  virtual std::span<char> buffer(std::uint16_t id) = 0;
  virtual void return_buffer(std::uint16_t id) = 0;

  struct Counters {
    std::uint64_t submitted = 0;
    std::uint64_t enters = 0;
    std::uint64_t cq_overflows = 0;
    std::uint64_t buffers_out = 0;  // provided buffers that are not with the kernel
    std::uint64_t buffers_total = 0;
    std::uint64_t direct_descriptors_max = 0;
  };
  virtual Counters counters() const = 0;
};

}  // namespace ringcast
