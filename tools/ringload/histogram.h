// Latencies in log-linear buckets, as HdrHistogram has them: every value is kept to three
// significant digits (the error is below 1/1024), whatever its magnitude.
//
// record() costs a few instructions and never allocates. Values are nanoseconds; negative ones
// count as 0, those above kMaxNs (18 minutes) as kMaxNs, and the exact maximum is kept besides.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringcast::load {

class Histogram {
 public:
  static constexpr std::int64_t kMaxNs = (std::int64_t{1} << 40) - 1;

  Histogram() : counts_(index_of(static_cast<std::uint64_t>(kMaxNs)) + 1) {}

  void record(std::int64_t value_ns) {
    const auto value = static_cast<std::uint64_t>(std::clamp<std::int64_t>(value_ns, 0, kMaxNs));
    ++counts_[index_of(value)];
    ++total_;
    sum_ns_ += value;
    max_ns_ = std::max(max_ns_, value);
  }

  std::uint64_t count() const { return total_; }
  std::int64_t max_ns() const { return static_cast<std::int64_t>(max_ns_); }
  double mean_ns() const {
    return total_ == 0 ? 0 : static_cast<double>(sum_ns_) / static_cast<double>(total_);
  }

  // The smallest recorded value (as its bucket's highest) that at least `share` (0..1) of all
  // values do not exceed; 0 if nothing was recorded.
  std::int64_t percentile_ns(double share) const {
    if (total_ == 0) return 0;
    const double exact = share * static_cast<double>(total_);
    auto wanted = static_cast<std::uint64_t>(exact);
    if (static_cast<double>(wanted) < exact) ++wanted;
    wanted = std::clamp<std::uint64_t>(wanted, 1, total_);
    std::uint64_t seen = 0;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      seen += counts_[index];
      if (seen >= wanted) return static_cast<std::int64_t>(std::min(highest_of(index), max_ns_));
    }
    return max_ns();
  }

  void add(const Histogram& other) {
    if (other.total_ == 0) return;
    for (std::size_t index = 0; index < counts_.size(); ++index) {
      counts_[index] += other.counts_[index];
    }
    total_ += other.total_;
    sum_ns_ += other.sum_ns_;
    max_ns_ = std::max(max_ns_, other.max_ns_);
  }

  void clear() {
    if (total_ == 0) return;
    std::ranges::fill(counts_, 0);
    total_ = sum_ns_ = max_ns_ = 0;
  }

 private:
  static constexpr unsigned kBits = 10;  // buckets per octave: 2^kBits

  // Values below 2^(kBits+1) have a bucket each; each further octave has 2^kBits.
  static std::size_t index_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value | (1U << kBits)));
    const unsigned shift = width - kBits - 1;
    return (static_cast<std::size_t>(shift) << kBits) + static_cast<std::size_t>(value >> shift);
  }
  static std::uint64_t highest_of(std::size_t index) {
    if (index < (std::size_t{2} << kBits)) return index;
    const std::size_t shift = (index >> kBits) - 1;
    const std::uint64_t step = index - (shift << kBits);
    return ((step + 1) << shift) - 1;
  }

  std::vector<std::uint64_t> counts_;
  std::uint64_t total_ = 0;
  std::uint64_t sum_ns_ = 0;
  std::uint64_t max_ns_ = 0;
};

}  // namespace ringcast::load
