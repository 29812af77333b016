#include "tools/ringload/memory_peak.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "tools/ringload/machine.h"

namespace ringcast::load {

MemoryPeak::MemoryPeak(const std::vector<pid_t>& pids) : pids_(with_descendants(pids)) {}

void MemoryPeak::look(std::int64_t now_ns) {
  static const auto page_bytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  next_ns_ = now_ns + kEveryNs;
  std::uint64_t total = 0;
  for (const pid_t pid : pids_) {
    // Unlike smaps_rollup this costs the process nothing.
    std::ifstream file(fmt::format("/proc/{}/statm", pid));
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    if (file >> all >> resident) total += resident * page_bytes;
  }
  bytes_ = std::max(bytes_, total);
}

}  // namespace ringcast::load
