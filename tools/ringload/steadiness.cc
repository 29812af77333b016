#include "tools/ringload/steadiness.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace ringcast::load {
namespace {

constexpr double kThroughputBound = 0.1;
constexpr double kP99Bound = 0.25;
constexpr double kSignificant = 1.96;  // two-sided, 5 %
constexpr double kShortest = 0.5;      // of an interval's length; shorter ones are left out
constexpr std::size_t kMostCompared = 300;
constexpr std::size_t kAgreeing = 3;
constexpr double kThroughputAgrees = 0.1;
constexpr double kLatencyAgrees = 0.25;

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// With respect to the first; where that is nothing, everything is a change of 100 %.
double change(double before, double after) {
  if (before <= 0) return after <= 0 ? 0 : 1;
  return after / before - 1;
}

// Neighbours in one, so that a day of intervals can be compared each with each.
std::vector<double> folded(const std::vector<double>& values) {
  const std::size_t each = (values.size() + kMostCompared - 1) / kMostCompared;
  std::vector<double> few;
  for (std::size_t at = 0; at + each <= values.size(); at += each) {
    const auto from = values.begin() + static_cast<std::ptrdiff_t>(at);
    few.push_back(median_of({from, from + static_cast<std::ptrdiff_t>(each)}));
  }
  return few;
}

double halves_change(std::span<const double> values) {
  const auto half = static_cast<std::ptrdiff_t>(values.size() / 2);
  const std::vector<double> first(values.begin(), values.begin() + half);
  const std::vector<double> second(values.end() - half, values.end());
  return change(median_of(first), median_of(second));
}

// From the first to the last, if there is a trend; otherwise 0.
double trend_change(std::span<const double> values) {
  if (std::abs(trend_z(values)) < kSignificant) return 0;
  const double rise = trend_slope(values) * static_cast<double>(values.size() - 1);
  const double middle = median_of({values.begin(), values.end()});
  return change(middle - rise / 2, middle + rise / 2);
}

std::optional<double> beyond(double bound, double by) {
  return std::abs(by) > bound ? std::optional(by) : std::nullopt;
}

double throughput(const Interval& interval) {
  const auto count = interval.delivered != 0 ? interval.delivered : interval.published;
  return interval.seconds > 0 ? static_cast<double>(count) / interval.seconds : 0;
}

// Without subscribers the answers to publishing are all there is.
const LatencySummary& latency(const Interval& interval) {
  return interval.latency.count != 0 ? interval.latency : interval.publish_latency;
}

template <class Value>
bool agree(std::span<const Interval> intervals, double bound, Value value) {
  const auto [least, most] = std::ranges::minmax(intervals, {}, value);
  return value(most) > 0 && value(least) >= (1 - bound) * value(most);
}

std::string moved(std::string_view what, double by) {
  return fmt::format("{} {} by {:.0f} % while measuring", what, by < 0 ? "fell" : "rose",
                     100 * std::abs(by));
}

}  // namespace

double trend_z(std::span<const double> values) {
  double score = 0;
  std::map<double, double> ties;
  for (std::size_t later = 0; later < values.size(); ++later) {
    ++ties[values[later]];
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      score += values[later] > values[earlier] ? 1 : values[later] < values[earlier] ? -1 : 0;
    }
  }
  const auto spread = [](double n) { return n * (n - 1) * (2 * n + 5); };
  double variance = spread(static_cast<double>(values.size()));
  for (const auto& [value, count] : ties) variance -= spread(count);
  if (score == 0 || variance <= 0) return 0;
  return (score - (score > 0 ? 1 : -1)) / std::sqrt(variance / 18);
}

double trend_slope(std::span<const double> values) {
  std::vector<double> slopes;
  for (std::size_t later = 0; later < values.size(); ++later) {
    for (std::size_t earlier = 0; earlier < later; ++earlier) {
      slopes.push_back((values[later] - values[earlier]) / static_cast<double>(later - earlier));
    }
  }
  return median_of(std::move(slopes));
}

Steadiness steadiness_of(std::span<const Interval> intervals, double interval_s) {
  std::vector<double> rates;
  std::vector<double> tails;
  for (const Interval& each : intervals) {
    if (each.seconds < kShortest * interval_s) continue;
    rates.push_back(throughput(each));
    if (latency(each).count != 0) tails.push_back(latency(each).p99_us);
  }
  Steadiness found;
  if (rates.size() < kFewestIntervals) return found;
  found.throughput_change = beyond(kThroughputBound, halves_change(rates));
  if (!found.throughput_change) {
    found.throughput_change = beyond(kThroughputBound, trend_change(folded(rates)));
  }
  if (tails.size() >= kFewestIntervals) {
    found.p99_change = beyond(kP99Bound, trend_change(folded(tails)));
  }
  found.steady = !found.throughput_change && !found.p99_change;
  return found;
}

std::string describe(const Steadiness& steadiness) {
  if (steadiness.steady.value_or(true)) return "";
  std::string text;
  if (steadiness.throughput_change) text = moved("throughput", *steadiness.throughput_change);
  if (steadiness.p99_change) {
    text += (text.empty() ? "" : ", ") + moved("the p99 latency", *steadiness.p99_change);
  }
  return text +
         ": a longer --warmup (or `--warmup auto`) or a longer --time tells whether it settles";
}

bool WarmUp::is_over(std::span<const Interval> intervals) const {
  std::vector<Interval> last;
  for (const Interval& each : intervals) {
    if (each.seconds >= kShortest * kIntervalS) last.push_back(each);
  }
  if (last.size() < kAgreeing) return false;
  const std::span<const Interval> latest = std::span(last).last(kAgreeing);
  if (judges_throughput_ && !agree(latest, kThroughputAgrees, throughput)) return false;
  return agree(latest, kLatencyAgrees, [](const Interval& each) { return latency(each).p50_us; });
}

}  // namespace ringcast::load
