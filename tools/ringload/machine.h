// What /proc says about the server, this process and the machine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

struct Memory {
  std::uint64_t rss_bytes = 0;
  std::uint64_t anon_bytes = 0;
};

struct CpuTime {
  std::uint64_t ran_ns = 0;
  std::uint64_t waited_ns = 0;  // ready to run, while others had the core
};

// Of the processes and all their descendants; of those that are gone: nothing.
std::vector<pid_t> with_descendants(const std::vector<pid_t>& pids);
// "/proc/PID/task/TID" of each thread.
std::vector<std::string> thread_folders(pid_t pid);
CpuTime cpu_time(const std::vector<pid_t>& pids);
Memory memory(const std::vector<pid_t>& pids);
// The second of these alone, which the kernel has at hand.
std::uint64_t anon_bytes(const std::vector<pid_t>& pids);

CpuTime own_cpu_time();      // of this thread
std::uint64_t own_cpu_ns();  // the same's ran_ns, cheaper and exact

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
