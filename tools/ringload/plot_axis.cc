#include "tools/ringload/plot_axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace ringcast::load {
namespace {

constexpr double kTwoDecades = 100;
constexpr int kMostTicks = 6;
constexpr double kLeast = 1e-3;  // nothing is measured more finely than in ns
constexpr double kMost = 1e21;   // what a file may say, in a ms

struct TimeUnit {
  double us;
  const char* name;
};

TimeUnit unit_of(double us) {
  // What is printed as 1000 of a unit is 1 of the next.
  if (us < 0.9995) return {1e-3, "ns"};
  if (us < 999.5) return {1, "µs"};
  if (us < 999.5e3) return {1e3, "ms"};
  return {1e6, "s"};
}

std::string short_time(double us) {
  const TimeUnit unit = unit_of(us);
  return short_number(us / unit.us) + " " + unit.name;
}

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

// The next of 1, 2, 5 times a power of ten, up or down.
double nice_end(double value, bool up) {
  const double power = std::pow(10, std::floor(std::log10(value) + 1e-9));
  double below = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    const double end = power * factor;
    if (end > value * (1 + 1e-9)) return up ? end : below;
    if (up && end >= value * (1 - 1e-9)) return end;
    below = end;
  }
  return below;
}

// Of µs. Over many decades, only their beginnings have numbers.
void fill_log(PlotAxis& axis, const PlotRange& us) {
  axis.log = true;
  axis.from = nice_end(us.least, false);
  axis.to = nice_end(us.most, true);
  const bool fine = axis.to / axis.from <= 1e4;
  const double first = std::floor(std::log10(axis.from) + 1e-9);
  for (double decade = first; decade <= std::log10(axis.to) + 1e-9; ++decade) {
    for (int digit = 1; digit < 10; ++digit) {
      const double value = std::pow(10, decade) * digit;
      if (value < axis.from * (1 - 1e-9) || value > axis.to * (1 + 1e-9)) continue;
      const bool named = digit == 1 || (fine && (digit == 2 || digit == 5));
      axis.ticks.push_back({value, named ? short_time(value) : ""});
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
  value = std::min(value, kMost);
  least = least == 0 ? value : std::min(least, value);
  most = std::max(most, value);
}

PlotAxis latency_axis(const std::string& what, const PlotRange& us) {
  PlotAxis axis;
  const TimeUnit unit = unit_of(us.most);
  if (us.least > 0 && us.most / us.least > kTwoDecades) {
    const std::string least = unit_of(us.least).name;
    axis.label = least == unit.name
                     ? fmt::format("{} ({}, log scale)", what, unit.name)
                     : fmt::format("{} ({} to {}, log scale)", what, least, unit.name);
    fill_log(axis, us);
  } else {
    axis.label = fmt::format("{} ({})", what, unit.name);
    fill_linear(axis, us.most, unit.us);
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
