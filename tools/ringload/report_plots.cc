#include "tools/ringload/report_plots.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "tools/ringload/figure.h"
#include "tools/ringload/svg_plot.h"

namespace ringcast::load {
namespace {

constexpr int kHalf = 640;  // the width of a plot that has another one beside it
constexpr int kHalfHeight = 360;
constexpr std::size_t kMostDots = 60;

std::vector<std::string> names_of(const std::vector<Measurement>& measurements) {
  std::vector<std::string> names;
  names.reserve(measurements.size());
  for (const Measurement& each : measurements) names.push_back(each.name);
  return names;
}

// Calls take(series, run, typical) for every run.
template <class Take>
void for_each_run(const std::vector<Measurement>& measurements, Take take) {
  for (std::size_t series = 0; series < measurements.size(); ++series) {
    const RunResult& typical = typical_run(measurements[series]);
    for (const RunResult& run : measurements[series].runs) take(series, run, &run == &typical);
  }
}

std::string about_point(const std::string& name, const CurvePoint& point) {
  return fmt::format("{}: {} % within {}", name, fmt::format("{:g}", 100 * point.share),
                     typeset(Unit::microseconds, point.us));
}

// Where a percentile lies; that of the maximum is one step beyond the last.
double tail_of(const CurvePoint& point, double before) {
  return point.share < 1 ? 1 / (1 - point.share) : before * 1.2;
}

// Dots for what people quote: the step of the curve closest above.
std::vector<std::size_t> quoted_steps(const std::vector<CurvePoint>& curve) {
  std::vector<std::size_t> steps;
  for (const double share : {0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999}) {
    const auto found = std::ranges::lower_bound(curve, share, {}, &CurvePoint::share);
    if (found != curve.end() && found->share < 1) {
      steps.push_back(static_cast<std::size_t>(found - curve.begin()));
    }
  }
  if (!curve.empty()) steps.push_back(curve.size() - 1);
  return steps;
}

PlotLine curve_line(const RunResult& run, std::size_t series, const std::string& name,
                    bool typical) {
  PlotLine line{.series = series, .faint = !typical, .points = {}};
  const auto quoted = quoted_steps(run.curve);
  double tail = 1;
  for (std::size_t at = 0; at < run.curve.size(); ++at) {
    const CurvePoint& point = run.curve[at];
    tail = tail_of(point, tail);
    const bool dot = typical && std::ranges::find(quoted, at) != quoted.end();
    line.points.push_back({tail, point.us, dot ? about_point(name, point) : ""});
  }
  return line;
}

double longest(const RunResult& run) {
  double seconds = 0;
  for (const RunInterval& each : run.intervals) seconds = std::max(seconds, each.seconds);
  return seconds;
}

// A plot over time of what `value` makes of an interval, in the middle of each. The first and the
// last may be so short that a single event decides about them.
template <class Value, class About>
LinePlot over_time(const std::vector<Measurement>& measurements, Value value, About about,
                   PlotRange& values) {
  LinePlot plot{.title = "",
                .x = {},
                .y = {},
                .series = names_of(measurements),
                .lines = {},
                .width = kHalf,
                .height = kHalfHeight};
  double until_s = 0;
  for_each_run(measurements, [&](std::size_t series, const RunResult& run, bool typical) {
    PlotLine line{.series = series, .faint = !typical, .points = {}};
    const bool dots = typical && run.intervals.size() <= kMostDots;
    for (const RunInterval& each : run.intervals) {
      const std::optional<double> y = value(each);
      if (!y || each.seconds < longest(run) / 10) continue;
      const double at_s = each.at_s - run.intervals.front().at_s;
      const double x = at_s + each.seconds / 2;
      until_s = std::max(until_s, at_s + each.seconds);
      values.add(*y);
      line.points.push_back(
          {x, *y, dots ? fmt::format("{}, {:.1f} s: {}", plot.series[series], x, about(*y)) : ""});
    }
    if (!line.points.empty()) plot.lines.push_back(std::move(line));
  });
  plot.x = time_axis(until_s);
  return plot;
}

}  // namespace

std::string figure_bars(const std::vector<Measurement>& measurements, std::string_view name,
                        const std::string& title, const std::string& axis_label) {
  const Figure& shown = figure(name);
  BarPlot plot{.title = title, .axis = {}, .bars = {}};
  PlotRange range;
  for (std::size_t series = 0; series < measurements.size(); ++series) {
    const auto spread = spread_of(measurements[series], shown);
    if (!spread) continue;
    range.add(spread->max);
    plot.bars.push_back({.name = measurements[series].name,
                         .series = series,
                         .value = spread->median,
                         .min = spread->min,
                         .max = spread->max,
                         .text = typeset(shown.unit, spread->median)});
  }
  if (plot.bars.empty()) return "";
  if (shown.unit == Unit::microseconds) {
    plot.axis = latency_axis(axis_label, {.least = 0, .most = range.most});  // bars begin at zero
  } else {
    plot.axis = amount_axis(axis_label, range);
  }
  return svg_of(plot);
}

std::string latency_curve(const std::vector<Measurement>& measurements) {
  LinePlot plot{.title = "Latency by percentile",
                .x = {},
                .y = {},
                .series = names_of(measurements),
                .lines = {},
                .width = 1300,
                .height = 480};
  PlotRange tails;
  PlotRange latencies;
  for_each_run(measurements, [&](std::size_t series, const RunResult& run, bool typical) {
    if (run.curve.empty()) return;
    PlotLine line = curve_line(run, series, plot.series[series], typical);
    for (const PlotPoint& point : line.points) {
      tails.add(point.x);
      latencies.add(point.y);
    }
    plot.lines.push_back(std::move(line));
  });
  if (plot.lines.empty()) return "";
  plot.x = percentile_axis(tails.most);
  plot.y = latency_axis("latency", latencies);
  return svg_of(plot);
}

std::string throughput_over_time(const std::vector<Measurement>& measurements) {
  PlotRange rates;
  const auto rate = [](const RunInterval& each) {
    constexpr double kShortest = 1e-3;
    return each.seconds >= kShortest ? std::optional(each.delivered / each.seconds) : std::nullopt;
  };
  const auto about = [](double value) { return human(Unit::per_second, value) + "/s"; };
  LinePlot plot = over_time(measurements, rate, about, rates);
  if (plot.lines.empty() || rates.most == 0) return "";
  plot.title = "Throughput over time";
  plot.y = amount_axis("deliveries per second (1/s)", rates);
  return svg_of(plot);
}

std::string p99_over_time(const std::vector<Measurement>& measurements) {
  PlotRange latencies;
  LinePlot plot = over_time(
      measurements, [](const RunInterval& each) { return each.latency.p99_us; },
      [](double value) { return "p99 " + typeset(Unit::microseconds, value); }, latencies);
  if (plot.lines.empty()) return "";
  plot.title = "p99 latency over time";
  plot.y = latency_axis("p99 latency", latencies);
  return svg_of(plot);
}

}  // namespace ringcast::load
