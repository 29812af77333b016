#include "tools/ringload/plot_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace ringcast::load {
namespace {

constexpr double kTwoDecades = 100;
constexpr int kMostTicks = 6;
constexpr double kLeast = 1e-3;  // nothing is measured more finely than in ns

// 1, 2 or 5 times a power of ten, so that at most kMostTicks of it reach `most`.
double nice_step(double most) {
  const double power = std::pow(10, std::floor(std::log10(most / kMostTicks)));
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    if (power * factor * kMostTicks >= most) return power * factor;
  }
  return power * 10;
}

// A linear axis from zero whose end is a tick, where there is something to show.
void fill_linear(PlotAxis& axis, double most, double unit) {
  axis.from = 0;
  if (!(most / unit > 1e-9)) most = unit;
  const double step = nice_step(most / unit) * unit;
  const auto count = static_cast<int>(std::ceil(most / step - 1e-9));
  axis.to = step * count;
  for (int tick = 0; tick <= count; ++tick) {
    axis.ticks.push_back({step * tick, short_number(step * tick / unit)});
  }
}

// Whole decades, or ends at 1, 2, 5 where there are few.
void fill_log(PlotAxis& axis, const PlotRange& range, double unit) {
  axis.log = true;
  const double low = std::floor(std::log10(range.least / unit) + 1e-9);
  const double high = std::ceil(std::log10(range.most / unit) - 1e-9);
  axis.from = std::pow(10, low) * unit;
  axis.to = std::pow(10, std::max(high, low + 1)) * unit;
  const bool fine = high - low <= 4;
  for (double decade = low; decade <= high; ++decade) {
    for (int digit = 1; digit < 10; ++digit) {
      const double value = std::pow(10, decade) * digit;
      if (value * unit > axis.to * (1 + 1e-9)) break;
      const bool named = digit == 1 || (fine && (digit == 2 || digit == 5));
      axis.ticks.push_back({value * unit, named ? short_number(value) : ""});
    }
  }
}

}  // namespace

double PlotAxis::place(double value) const {
  if (log) {
    if (value <= from) return 0;
    return std::clamp(std::log(value / from) / std::log(to / from), 0.0, 1.0);
  }
  return to > from ? std::clamp((value - from) / (to - from), 0.0, 1.0) : 0;
}

void PlotRange::add(double value) {
  if (!(value >= kLeast)) return;
  least = least == 0 ? value : std::min(least, value);
  most = std::max(most, value);
}

PlotAxis latency_axis(const std::string& what, const PlotRange& us) {
  const auto [unit, name] = us.most < 1e3   ? std::pair{1.0, "µs"}
                            : us.most < 1e6 ? std::pair{1e3, "ms"}
                                            : std::pair{1e6, "s"};
  PlotAxis axis;
  const bool log = us.least > 0 && us.most / us.least > kTwoDecades;
  axis.label = fmt::format("{} ({}{})", what, name, log ? ", log scale" : "");
  if (log) {
    fill_log(axis, us, unit);
  } else {
    fill_linear(axis, us.most, unit);
  }
  return axis;
}

PlotAxis amount_axis(const std::string& label, const PlotRange& range) {
  PlotAxis axis;
  axis.label = label;
  fill_linear(axis, range.most, 1);
  return axis;
}

PlotAxis time_axis(double until_s) {
  PlotAxis axis;
  axis.label = "time since measuring began (s)";
  fill_linear(axis, until_s, 1);
  axis.to = until_s > 0 ? until_s : axis.to;  // no empty room on the right
  std::erase_if(axis.ticks, [&](const PlotAxis::Tick& tick) { return tick.at > axis.to; });
  return axis;
}

PlotAxis percentile_axis(double most) {
  PlotAxis axis;
  axis.label = "percentile (%, on the scale of 1/(1 − p): each step is another nine)";
  axis.log = true;
  axis.from = 1;
  axis.to = std::max(most, 10.0);
  axis.ticks = {{1, "0"}, {2, "50"}, {4, "75"}, {10, "90"}, {100, "99"}};
  std::string text = "99.";
  for (double at = 1000; at <= axis.to; at *= 10) {
    text += '9';
    axis.ticks.push_back({at, text});
  }
  std::erase_if(axis.ticks, [&](const PlotAxis::Tick& tick) { return tick.at > axis.to; });
  return axis;
}

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return fmt::format("{:.4g}G", value / 1e9);
  if (size >= 1e6) return fmt::format("{:.4g}M", value / 1e6);
  if (size >= 1e4) return fmt::format("{:.4g}k", value / 1e3);
  return fmt::format("{:.4g}", value);
}

}  // namespace ringcast::load
