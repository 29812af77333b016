// How many connections there are on all cores, and how many there may be.
//
// Shared by the cores; touched when a connection comes and goes, not in between.
#pragma once

#include <atomic>
#include <cstdint>

namespace ringcast {

class Admission {
 public:
  explicit Admission(std::uint32_t most) : most_(most) {}

  void set_most(std::uint32_t most) { most_.store(most, std::memory_order_relaxed); }
  std::uint32_t most() const { return most_.load(std::memory_order_relaxed); }
  std::uint32_t open() const { return open_.load(std::memory_order_relaxed); }

  // Counts a connection; false if it is one too many (it is counted all the same, until leave()).
  bool enter() {
    return open_.fetch_add(1, std::memory_order_relaxed) < most_.load(std::memory_order_relaxed);
  }
  void leave() { open_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> open_{0};
  std::atomic<std::uint32_t> most_;
};

}  // namespace ringcast
