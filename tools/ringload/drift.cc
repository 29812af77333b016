#include "tools/ringload/drift.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "tools/ringload/report_table.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kMostPoints = 1000;  // a million slopes

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

double median_value(std::span<const TimedValue> values) {
  std::vector<double> all;
  all.reserve(values.size());
  for (const TimedValue& each : values) all.push_back(each.value);
  return median(std::move(all));
}

// So few that their slopes can be counted, evenly spread.
std::vector<TimedValue> thinned(const std::vector<TimedValue>& values) {
  if (values.size() <= kMostPoints) return values;
  std::vector<TimedValue> some;
  some.reserve(kMostPoints);
  for (std::size_t at = 0; at < kMostPoints; ++at) {
    some.push_back(values[at * values.size() / kMostPoints]);
  }
  return some;
}

double trend_per_s(const std::vector<TimedValue>& values) {
  const std::vector<TimedValue> some = thinned(values);
  std::vector<double> slopes;
  for (std::size_t left = 0; left < some.size(); ++left) {
    for (std::size_t right = left + 1; right < some.size(); ++right) {
      const double seconds = some[right].at_s - some[left].at_s;
      if (seconds > 0) slopes.push_back((some[right].value - some[left].value) / seconds);
    }
  }
  return slopes.empty() ? 0 : median(std::move(slopes));
}

}  // namespace

double Drift::share() const {
  if (begin == end) return 0;
  return begin == 0 ? std::numeric_limits<double>::infinity() : (end - begin) / std::abs(begin);
}

bool Drift::exceeds(double bound, double hours) const {
  return share() > bound && per_hour * hours > bound * std::abs(begin) / 2;
}

std::optional<Drift> drift_of(std::vector<TimedValue> values) {
  if (values.size() < kLeastIntervals) return std::nullopt;
  std::ranges::sort(values, {}, &TimedValue::at_s);
  const std::span<const TimedValue> all(values);
  const std::size_t quarter = values.size() / 4;
  return Drift{.begin = median_value(all.first(quarter)),
               .end = median_value(all.last(quarter)),
               .per_hour = 3600 * trend_per_s(values)};
}

bool Drifts::steady() const {
  return std::ranges::none_of(lines, [](const Line& line) { return line.too_much; });
}

Drifts drifts_of(const RunResult& run, double memory, double latency) {
  const DriftBound bounds[] = {
      {"server memory", Unit::bytes, memory,
       [](const RunInterval& each) { return each.server_anon_bytes; }},
      {"p50 latency", Unit::microseconds, latency,
       [](const RunInterval& each) { return each.latency.p50_us; }},
      {"p99 latency", Unit::microseconds, latency,
       [](const RunInterval& each) { return each.latency.p99_us; }},
  };
  Drifts drifts;
  drifts.hours = run.seconds / 3600;
  for (const DriftBound& bound : bounds) {
    std::vector<TimedValue> values;
    for (const RunInterval& each : run.intervals) {
      if (const auto value = bound.of(each)) values.push_back({each.at_s, *value});
    }
    if (const auto drift = drift_of(std::move(values))) {
      drifts.lines.push_back({bound, *drift, drift->exceeds(bound.bound, drifts.hours)});
    }
  }
  return drifts;
}

std::string to_text(const Drifts& drifts) {
  std::vector<std::vector<std::string>> rows = {
      {"", "first quarter", "last quarter", "change", "trend", ""}};
  for (const Drifts::Line& line : drifts.lines) {
    const Unit unit = line.what.unit;
    const Drift& drift = line.drift;
    const double trend = std::abs(drift.per_hour);
    rows.push_back({std::string(line.what.title), human(unit, drift.begin), human(unit, drift.end),
                    fmt::format("{:+.1f} %", 100 * drift.share()),
                    fmt::format("{}{} an hour", drift.per_hour < 0 ? "-" : "+", human(unit, trend)),
                    line.too_much ? fmt::format("MORE THAN {:.0f} %", 100 * line.what.bound)
                                  : std::string("steady")});
  }
  return aligned(rows);
}

}  // namespace ringcast::load
