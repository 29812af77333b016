// The driver on a real io_uring, one per core, created and used on its core's thread.
//
// Features are found by trying: SINGLE_ISSUER | DEFER_TASKRUN | SUBMIT_ALL | CQSIZE first, then
// without what the kernel refuses, with one note per missing thing. Needs Linux 5.19 or newer
// (direct descriptors, provided buffer rings); what is missing at start is an Error naming the
// remedy.
#pragma once

#include <liburing.h>
#include <time.h>

#include <memory>
#include <string>
#include <vector>

#include "core/driver.h"
#include "core/result.h"

namespace ringcast {

struct UringLimits {
  unsigned entries = 4096;          // submission queue
  unsigned cq_entries = 32768;      // completion queue; beyond it the kernel buffers, counted
  unsigned direct_descriptors = 0;  // 0: as many as RLIMIT_NOFILE allows per ring
  unsigned recv_buffers = 1024;     // a power of two, at most 32768
  unsigned recv_buffer_bytes = 4096;
};

class UringDriver final : public Driver {
 public:
  static Result<std::unique_ptr<UringDriver>> create(const UringLimits& limits);
  ~UringDriver() override;

  void push(const Operation& operation) override;
  void turn(std::int64_t wait_ns, std::vector<Finished>& finished) override;
  void wake() override;
  std::int64_t now_ns() const override;
  std::int64_t wall_clock_ms() const override;
  std::span<char> buffer(std::uint16_t id) override;
  void return_buffer(std::uint16_t id) override;
  Counters counters() const override;

  // What the kernel lacks, one sentence each; empty on a new kernel.
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  explicit UringDriver(const UringLimits& limits) : limits_(limits) {}
  Result<void> open_ring();
  Result<void> open_descriptors();
  Result<void> open_buffers();
  void arm_wake();
  io_uring_sqe* next_sqe();
  void reap(std::vector<Finished>& finished);

  UringLimits limits_;
  io_uring ring_{};
  bool ring_open_ = false;
  int wake_fd_ = -1;
  std::uint64_t wake_value_ = 0;
  io_uring_buf_ring* buffer_ring_ = nullptr;
  std::unique_ptr<char[]> buffers_;
  Counters counters_;
  std::vector<std::string> notes_;
};

}  // namespace ringcast
