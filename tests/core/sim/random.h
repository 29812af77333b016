// The only source of chance in a simulated run: the same seed gives the same run on every machine.
#pragma once

#include <cstdint>

namespace ringcast::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 0x2545f4914f6cdd1d) {}

  std::uint64_t next() {  // splitmix64
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // From 0 to count - 1.
  std::uint64_t below(std::uint64_t count) { return count == 0 ? 0 : next() % count; }
  // Both ends included.
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low) + 1));
  }
  bool percent(unsigned chance) { return below(100) < chance; }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  // Small values often, the large end seldom.
  std::int64_t skewed(std::int64_t low, std::int64_t high) {
    std::int64_t top = high;
    for (int halvings = static_cast<int>(below(4)); halvings > 0; --halvings) {
      top = low + (top - low) / 4;
    }
    return between(low, top);
  }

 private:
  std::uint64_t state_;
};

}  // namespace ringcast::sim
