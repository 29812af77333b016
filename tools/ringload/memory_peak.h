// The most memory that some processes had at a time, by looking every now and then.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace ringcast::load {

class MemoryPeak {
 public:
  // Of these and the descendants that they have now.
  explicit MemoryPeak(const std::vector<pid_t>& pids);

  // Looks if it is time to.
  void step(std::int64_t now_ns) {
    if (now_ns >= next_ns_ && !pids_.empty()) look(now_ns);
  }
  // Begins anew.
  void restart() { bytes_ = next_ns_ = 0; }

  std::uint64_t rss_bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t kEveryNs = 20'000'000;

  void look(std::int64_t now_ns);

  std::vector<pid_t> pids_;
  std::int64_t next_ns_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace ringcast::load
