// Whether something changes in the course of hours: memory that grows, latency that gets worse.
//
// The trend is Theil's and Sen's: the median of the slopes between all pairs of intervals, which
// single bad intervals do not move. Begin and end are medians of the first and the last quarter.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/figure.h"
#include "tools/ringload/measurement.h"

namespace ringcast::load {

struct TimedValue {
  double at_s = 0;
  double value = 0;
};

struct Drift {
  double begin = 0;
  double end = 0;
  double per_hour = 0;  // the trend

  // Of the begin; infinite where that is 0 and the end is not.
  double share() const;
  // Both tell of a growth by more than `bound`, a share.
  bool exceeds(double bound, double hours) const;
};

inline constexpr std::size_t kLeastIntervals = 8;

// Nothing of fewer than kLeastIntervals.
std::optional<Drift> drift_of(std::vector<TimedValue> values);

// What a soak looks at.
struct DriftBound {
  std::string_view title;
  Unit unit;
  double bound;  // how much it may grow, as a share
  std::optional<double> (*of)(const RunInterval& interval);
};

struct Drifts {
  struct Line {
    DriftBound what;
    Drift drift;
    bool too_much = false;
  };
  std::vector<Line> lines;
  double hours = 0;

  bool steady() const;
};

// `memory`, `latency`: the bounds, as shares.
Drifts drifts_of(const RunResult& run, double memory, double latency);
std::string to_text(const Drifts& drifts);

}  // namespace ringcast::load
