// Latency at ever higher percentiles, in the steps that HdrHistogram prints: five for each halving
// of what is left above, so that the tail has as many as the middle.
#pragma once

#include <vector>

#include "tools/ringload/histogram.h"

namespace ringcast::load {

struct CurvePoint {
  double share = 0;  // of all values; 1 is the maximum
  double us = 0;     // which they do not exceed
};

// Ends with the last step that leaves a whole value above, and the maximum; nothing of nothing.
inline std::vector<CurvePoint> percentile_curve(const Histogram& histogram) {
  constexpr int kSteps = 5;
  std::vector<CurvePoint> curve;
  const auto count = static_cast<double>(histogram.count());
  if (count == 0) return curve;
  const auto add = [&](double share) {
    curve.push_back({share, static_cast<double>(histogram.percentile_ns(share)) / 1000});
  };
  for (double left = 1; left * count >= 1; left /= 2) {
    for (int step = 0; step < kSteps; ++step) {
      const double above = left * (1 - static_cast<double>(step) / (2 * kSteps));
      if (above * count >= 1) add(1 - above);
    }
  }
  curve.push_back({1, static_cast<double>(histogram.max_ns()) / 1000});
  return curve;
}

}  // namespace ringcast::load
