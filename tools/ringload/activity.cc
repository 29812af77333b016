#include "tools/ringload/activity.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

#include "tools/ringload/machine.h"

namespace ringcast::load {
namespace {

// Those of the numbers of a file of `NAME: NUMBER` that were asked for; nothing if one is missing.
template <std::size_t N>
std::optional<std::uint64_t> sum_of(const std::string& path, const std::string_view (&names)[N]) {
  std::ifstream file(path);
  std::uint64_t sum = 0;
  std::size_t found = 0;
  for (std::string line; std::getline(file, line);) {
    for (const std::string_view name : names) {
      if (!line.starts_with(name)) continue;
      sum += std::strtoull(line.c_str() + name.size(), nullptr, 10);
      ++found;
    }
  }
  return found == N ? std::optional(sum) : std::nullopt;
}

std::uint64_t growth(std::uint64_t before, std::uint64_t now) {
  return now > before ? now - before : 0;
}

// Whether it is still there, so that not being able to read it is no matter of its having ended.
bool exists(const std::string& folder) { return access(folder.c_str(), F_OK) == 0; }

}  // namespace

void Activity::add_thread(const std::string& folder) {
  const auto id = static_cast<pid_t>(std::atoi(folder.c_str() + folder.rfind('/') + 1));
  const auto all =
      sum_of(folder + "/status", {"voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"});
  const auto involuntary = sum_of(folder + "/status", {"nonvoluntary_ctxt_switches:"});
  if (all && involuntary) {
    threads_[id] = {.all = *all, .involuntary = *involuntary};
  } else if (exists(folder)) {
    threads_readable_ = false;
  }
}

void Activity::add_process(pid_t pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  if (const auto calls = sum_of(folder + "/io", {"syscr:", "syscw:"})) {
    io_calls_[pid] = *calls;
  } else if (exists(folder)) {
    processes_readable_ = false;
  }
}

Activity Activity::now(const std::vector<pid_t>& pids) {
  Activity activity;
  for (const pid_t pid : with_descendants(pids)) {
    activity.add_process(pid);
    for (const std::string& folder : thread_folders(pid)) activity.add_thread(folder);
  }
  return activity;
}

Activity::Counts Activity::since(const Activity& before) const {
  Counts counts;
  if (threads_readable_ && before.threads_readable_ && !threads_.empty()) {
    counts.switches = counts.involuntary = 0;
    for (const auto& [id, now] : threads_) {
      const auto known = before.threads_.find(id);
      const Switches was = known == before.threads_.end() ? Switches{} : known->second;
      *counts.switches += growth(was.all, now.all);
      *counts.involuntary += growth(was.involuntary, now.involuntary);
    }
  }
  if (processes_readable_ && before.processes_readable_ && !io_calls_.empty()) {
    counts.io_calls = 0;
    for (const auto& [id, now] : io_calls_) {
      const auto known = before.io_calls_.find(id);
      *counts.io_calls += growth(known == before.io_calls_.end() ? 0 : known->second, now);
    }
  }
  return counts;
}

}  // namespace ringcast::load
