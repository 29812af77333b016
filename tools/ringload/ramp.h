// Starts connections at a given pace, with a bounded number of them under way.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ringcast::load {

class Ramp {
 public:
  static constexpr std::size_t kConnectingMax = 256;
  // From one address to another there are 28,000 ephemeral ports.
  static constexpr std::size_t kConnectionsPerSource = 10'000;

  // `rate`: connects per second; 0: as fast as they are accepted. `sources`: how many addresses
  // they come from in turn; 0: from as many as it takes.
  Ramp(std::size_t count, double rate, unsigned sources)
      : count_(count), rate_(rate), sources_(sources) {}

  // Where connection `index` comes from: see SocketOptions.
  static unsigned source_of(std::size_t index, unsigned sources) {
    return static_cast<unsigned>(sources == 0 ? index / kConnectionsPerSource : index % sources);
  }

  // Calls start(index, source) for each connection that is due; `settled` of those started are
  // connected or have failed. `source`: see SocketOptions.
  template <class Settled, class Start>
  void step(std::int64_t now_ns, Settled&& settled, Start&& start) {
    if (start_ns_ < 0) start_ns_ = now_ns;
    std::size_t due = count_;
    if (rate_ > 0) {
      const double elapsed_s = static_cast<double>(now_ns - start_ns_) / 1e9;
      due = std::min(due, static_cast<std::size_t>(elapsed_s * rate_) + 1);
    }
    while (started_ < due && started_ - settled() < kConnectingMax) {
      const std::size_t index = started_++;
      start(index, source_of(index, sources_));
    }
  }

  // When step() has something to do next; -1: nothing by the clock.
  std::int64_t next_ns() const {
    if (started_ >= count_ || rate_ <= 0) return -1;
    return start_ns_ + static_cast<std::int64_t>(static_cast<double>(started_) * 1e9 / rate_);
  }

 private:
  std::size_t count_;
  double rate_;
  unsigned sources_;
  std::size_t started_ = 0;
  std::int64_t start_ns_ = -1;
};

}  // namespace ringcast::load
