// An axis of a plot: what it is of, in which unit, from where to where, and the marks on it.
#pragma once

#include <string>
#include <vector>

namespace ringcast::load {

struct PlotAxis {
  struct Tick {
    double at;
    std::string text;  // empty: a line without a number
  };

  std::string label;  // with the unit
  double from = 0;
  double to = 1;
  bool log = false;
  std::vector<Tick> ticks;

  // Where a value is, 0 to 1 from one end to the other.
  double place(double value) const;
};

// The range of what is drawn.
struct PlotRange {
  double least = 0;  // above zero; 0: nothing was added
  double most = 0;

  void add(double value);
};

// Latencies in µs: from zero, in the unit that suits the largest; on a log scale if they span more
// than two decades, where each number has its unit.
PlotAxis latency_axis(const std::string& what, const PlotRange& us);
// From zero; numbers are written as 1.5k or 2M.
PlotAxis amount_axis(const std::string& label, const PlotRange& range);
// Seconds from the start.
PlotAxis time_axis(double until_s);
// Of 1/(1-p): each decade is another nine. `most` is the largest of it.
PlotAxis percentile_axis(double most);

// "1.5k", "20M"
std::string short_number(double value);

}  // namespace ringcast::load
