#include "tools/ringload/machine.h"

#include <dirent.h>
#include <fmt/format.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

namespace ringcast::load {
namespace {

constexpr const char* kBacklogFile = "/proc/sys/net/core/netdev_max_backlog";

void add_descendants(pid_t pid, std::vector<pid_t>& found) {
  for (const pid_t known : found) {
    if (known == pid) return;
  }
  found.push_back(pid);
  for (const std::string& task : thread_folders(pid)) {
    std::ifstream file(task + "/children");
    for (pid_t child = 0; file >> child;) add_descendants(child, found);
  }
}

void add_schedstat(const std::string& path, CpuTime& total) {
  std::ifstream file(path);
  CpuTime time;
  if (!(file >> time.ran_ns >> time.waited_ns)) return;
  total.ran_ns += time.ran_ns;
  total.waited_ns += time.waited_ns;
}

}  // namespace

std::vector<std::string> thread_folders(pid_t pid) {
  std::vector<std::string> found;
  const std::string folder = fmt::format("/proc/{}/task", pid);
  DIR* directory = opendir(folder.c_str());
  if (directory == nullptr) return found;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') found.push_back(folder + "/" + entry->d_name);
  }
  closedir(directory);
  return found;
}

std::vector<pid_t> with_descendants(const std::vector<pid_t>& pids) {
  std::vector<pid_t> found;
  for (const pid_t pid : pids) add_descendants(pid, found);
  return found;
}

CpuTime cpu_time(const std::vector<pid_t>& pids) {
  CpuTime total;
  for (const pid_t pid : with_descendants(pids)) {
    for (const std::string& task : thread_folders(pid)) add_schedstat(task + "/schedstat", total);
  }
  return total;
}

CpuTime own_cpu_time() {
  CpuTime own;
  add_schedstat("/proc/thread-self/schedstat", own);
  own.ran_ns = own_cpu_ns();
  return own;
}

Memory memory(const std::vector<pid_t>& pids) {
  Memory total;
  for (const pid_t pid : with_descendants(pids)) {
    std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string key;
      std::uint64_t kib = 0;
      if (!(words >> key >> kib)) continue;
      if (key == "Rss:") total.rss_bytes += kib << 10;
      if (key == "Anonymous:") total.anon_bytes += kib << 10;
    }
  }
  return total;
}

std::uint64_t anon_bytes(const std::vector<pid_t>& pids) {
  std::uint64_t total = 0;
  for (const pid_t pid : with_descendants(pids)) {
    std::ifstream file(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string key;
      std::uint64_t kib = 0;
      if (words >> key >> kib && key == "RssAnon:") total += kib << 10;
    }
  }
  return total;
}

std::uint64_t own_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U +
         static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t backlog_drops() {
  std::ifstream file("/proc/net/softnet_stat");
  std::uint64_t total = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::uint64_t processed = 0;
    std::uint64_t dropped = 0;
    if (words >> std::hex >> processed >> dropped) total += dropped;
  }
  return total;
}

CpuTicks cpu_ticks() {
  std::ifstream file("/proc/stat");
  std::string label;
  file >> label;
  CpuTicks ticks;
  // user nice system idle iowait irq softirq steal; guest time is part of user time
  for (int column = 0; column < 8; ++column) {
    std::uint64_t value = 0;
    if (!(file >> value)) break;
    ticks.total += value;
    if (column == 7) ticks.steal = value;
  }
  return ticks;
}

int Backlog::limit() {
  std::ifstream file(kBacklogFile);
  int value = -1;
  return file >> value ? value : -1;
}

Result<void> Backlog::raise(int wanted) {
  const int now = limit();
  if (now >= wanted) return {};
  std::ofstream file(kBacklogFile);
  file << wanted << std::flush;
  if (!file) {
    return fail("cannot_raise_backlog",
                fmt::format("Cannot raise net.core.netdev_max_backlog to {}: {}. Run as root, or "
                            "`sysctl -w net.core.netdev_max_backlog={}`.",
                            wanted, std::strerror(errno), wanted));
  }
  before_ = now;
  return {};
}

Backlog::~Backlog() {
  if (before_ >= 0) std::ofstream(kBacklogFile) << before_ << std::flush;
}

Result<void> pin_to_cpu(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (cpu < CPU_SETSIZE) CPU_SET(static_cast<unsigned>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) {
    return fail("bad_cpu", fmt::format("Cannot run on core {}: {}.", cpu, std::strerror(errno)));
  }
  return {};
}

}  // namespace ringcast::load
