// What /proc says about the server, this process and the machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

struct Memory {
  std::uint64_t rss_bytes = 0;
  std::uint64_t anon_bytes = 0;
};

// Of the processes and all their descendants; of those that are gone: nothing.
std::vector<pid_t> with_descendants(const std::vector<pid_t>& pids);
std::uint64_t cpu_ns(const std::vector<pid_t>& pids);
Memory memory(const std::vector<pid_t>& pids);

std::uint64_t own_cpu_ns();  // of this thread

// Packets that the kernel dropped because a core's input queue was full, since the system started.
std::uint64_t backlog_drops();

struct CpuTicks {
  std::uint64_t steal = 0;
  std::uint64_t total = 0;
};
CpuTicks cpu_ticks();

// net.core.netdev_max_backlog, the length of that queue; -1 if it cannot be read.
class Backlog {
 public:
  ~Backlog();  // puts back what raise() changed
  static int limit();
  // Error: cannot_raise_backlog.
  Result<void> raise(int limit);

 private:
  int before_ = -1;
};

// Error: bad_cpu.
Result<void> pin_to_cpu(int cpu);

}  // namespace ringcast::load
