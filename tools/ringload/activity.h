// How often threads of the server gave up a core or lost it, and how often it called read(),
// write() and their like. send() and recv() are not among these, nor is what is submitted to an
// io_uring.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ringcast::load {

class Activity {
 public:
  // Nothing: it cannot be read. /proc/PID/io is only for those who may trace the process.
  struct Counts {
    std::optional<std::uint64_t> switches;  // voluntary or not
    std::optional<std::uint64_t> involuntary;
    std::optional<std::uint64_t> io_calls;
  };

  // Of the processes and all their descendants.
  static Activity now(const std::vector<pid_t>& pids);

  // What there was from `before` on. Threads and processes are compared one by one: one that has
  // ended meanwhile takes nothing away from the others, only its own last part is missing.
  Counts since(const Activity& before) const;

 private:
  struct Switches {
    std::uint64_t all = 0;
    std::uint64_t involuntary = 0;
  };

  void add_thread(const std::string& folder);
  void add_process(pid_t pid);

  std::map<pid_t, Switches> threads_;
  std::map<pid_t, std::uint64_t> io_calls_;  // by process
  bool threads_readable_ = true;
  bool processes_readable_ = true;
};

}  // namespace ringcast::load
