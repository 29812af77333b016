// Whether a load had settled: while it was warmed up, and looking back at what was measured.
//
// Looking back, the intervals' throughput and their p99 are judged, each by two signs of change:
//
//   the halves    the median of the second half differs from that of the first
//   a trend       Mann and Kendall's test finds one (two-sided, 5 %), and along the slope of Theil
//                 and Sen the value has changed from the first interval to the last
//
// by more than a bound: 10 % of throughput; of p99, which rests on a hundredth of the events, 25 %,
// and there it needs the trend. All of it looks at ranks and medians: a single interval that fell
// out of line does not decide.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/ringload/timeline.h"

namespace ringcast::load {

inline constexpr std::size_t kFewestIntervals = 6;

struct Steadiness {
  // Nothing: there are too few intervals. The first and the last count if they are long enough.
  std::optional<bool> steady;
  // What has changed, if not steady: from the first half to the second, or along the trend.
  std::optional<double> throughput_change;  // -0.14: 14 % less
  std::optional<double> p99_change;
};

Steadiness steadiness_of(std::span<const Interval> intervals, double interval_s);
// "throughput fell by 14 % while measuring: ..."; empty if steady or not known.
std::string describe(const Steadiness& steadiness);

// Signed statistic of Mann and Kendall, normalised: beyond ±1.96 there is a trend. 0 for constants.
double trend_z(std::span<const double> values);
// The median of the slopes between any two, per step.
double trend_slope(std::span<const double> values);

// Whether warming up may end: three intervals in a row agree.
class WarmUp {
 public:
  static constexpr double kIntervalS = 0.5;
  static constexpr double kLongestS = 30;

  // With a rate that is given (open loop) throughput tells nothing.
  explicit WarmUp(bool judges_throughput) : judges_throughput_(judges_throughput) {}
  // The intervals so far, of which the first may be a short one.
  bool is_over(std::span<const Interval> intervals) const;

 private:
  bool judges_throughput_;
};

}  // namespace ringcast::load
