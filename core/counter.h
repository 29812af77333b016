// A statistic that one core writes and any core may read. Writing costs a plain add.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ringcast {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// A histogram with fixed upper bounds, as Prometheus has them: one writer, any reader.
template <std::size_t N>
class Histogram {
 public:
  explicit Histogram(const std::array<double, N>& bounds) : bounds_(bounds) {}

  void observe(double value) {
    std::size_t bucket = 0;
    while (bucket < N && value > bounds_[bucket]) ++bucket;
    counts_[bucket].add();
    sum_micro_.add(static_cast<std::uint64_t>(value * 1e6));
  }
  const std::array<double, N>& bounds() const { return bounds_; }
  std::uint64_t count(std::size_t bucket) const { return counts_[bucket].get(); }  // N: above all
  double sum() const { return static_cast<double>(sum_micro_.get()) / 1e6; }

 private:
  std::array<double, N> bounds_;
  std::array<Counter, N + 1> counts_;
  Counter sum_micro_;
};

}  // namespace ringcast
