#include "tools/ringload/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/check.h"
#include "tools/ringload/report.h"

namespace ringcast::load {
namespace {

using Value = std::optional<double>;

template <double RunResult::* member>
Value always(const RunResult& run) {
  return run.*member;
}

// Nothing is published by a run that is idle, and so nothing arrives.
template <double RunResult::* member>
Value loaded(const RunResult& run) {
  return run.idle() ? Value() : Value(run.*member);
}

template <Value RunResult::* member>
Value maybe(const RunResult& run) {
  return run.*member;
}

// What was counted while measuring, per second of it.
template <Value RunResult::* member>
Value rate_of(const RunResult& run) {
  const Value count = run.*member;
  return count && run.seconds > 0 ? Value(*count / run.seconds) : Value();
}

template <Value LatencyFigures::* member>
Value latency(const RunResult& run) {
  return run.latency.*member;
}

constexpr std::array kFigures = {
    Figure{"deliveries_per_s", "deliveries/s", Unit::per_second, Sense::more_is_better,
           loaded<&RunResult::deliveries_per_s>},
    Figure{"events_per_s", "events/s", Unit::per_second, Sense::more_is_better,
           loaded<&RunResult::events_per_s>},
    Figure{"p50_us", "latency p50", Unit::microseconds, Sense::less_is_better,
           latency<&LatencyFigures::p50_us>},
    Figure{"p90_us", "latency p90", Unit::microseconds, Sense::less_is_better,
           latency<&LatencyFigures::p90_us>},
    Figure{"p95_us", "latency p95", Unit::microseconds, Sense::less_is_better,
           latency<&LatencyFigures::p95_us>, true, true},
    Figure{"p99_us", "latency p99", Unit::microseconds, Sense::less_is_better,
           latency<&LatencyFigures::p99_us>},
    Figure{"p999_us", "latency p99.9", Unit::microseconds, Sense::less_is_better,
           latency<&LatencyFigures::p999_us>},
    Figure{"max_us", "latency max", Unit::microseconds, Sense::none,
           latency<&LatencyFigures::max_us>},
    Figure{"server_cpu_ns_per_delivery", "server CPU/delivery", Unit::nanoseconds,
           Sense::less_is_better, maybe<&RunResult::server_ns_per_delivery>},
    Figure{"server_rss_bytes", "server memory", Unit::bytes, Sense::less_is_better,
           maybe<&RunResult::server_rss_bytes>},
    Figure{"server_bytes_per_subscriber", "memory/subscriber", Unit::bytes, Sense::less_is_better,
           maybe<&RunResult::server_bytes_per_subscriber>},
    Figure{"server_context_switches_per_s", "server switches/s", Unit::per_second, Sense::none,
           rate_of<&RunResult::server_context_switches>, true, true},
    Figure{"server_involuntary_switches_per_s", "involuntary switches/s", Unit::per_second,
           Sense::none, rate_of<&RunResult::server_involuntary_switches>, true, true},
    Figure{"server_io_calls_per_s", "server I/O calls/s", Unit::per_second, Sense::none,
           rate_of<&RunResult::server_io_calls>, true, true},
    Figure{"client_cpu_share", "client CPU share", Unit::share, Sense::none,
           maybe<&RunResult::client_share>},
    Figure{"lost", "lost", Unit::count, Sense::correctness, always<&RunResult::lost>},
    Figure{"duplicates", "duplicates", Unit::count, Sense::correctness,
           always<&RunResult::duplicates>},
    Figure{"out_of_order", "out of order", Unit::count, Sense::correctness,
           always<&RunResult::out_of_order>},
    Figure{"altered", "altered", Unit::count, Sense::correctness, always<&RunResult::altered>,
           false},
    Figure{"foreign", "foreign", Unit::count, Sense::correctness, always<&RunResult::foreign>,
           false},
    Figure{"gaps", "gap events", Unit::count, Sense::correctness, always<&RunResult::gaps>, false},
    Figure{"calls_failed", "failed calls", Unit::count, Sense::correctness,
           always<&RunResult::calls_failed>, false},
    Figure{"refused", "refused", Unit::count, Sense::correctness, always<&RunResult::refused>,
           false},
    Figure{"unsent", "never sent", Unit::count, Sense::correctness, always<&RunResult::unsent>,
           false},
    Figure{"connections_failed", "failed connections", Unit::count, Sense::correctness,
           always<&RunResult::connections_failed>, false},
};

double median_of(std::vector<double>& values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

std::span<const Figure> all_figures() { return kFigures; }

const Figure& figure(std::string_view name) {
  const auto* found = std::ranges::find(kFigures, name, &Figure::name);
  RINGCAST_CHECK(found != kFigures.end());
  return *found;
}

std::optional<Spread> spread_of(const Measurement& measurement, const Figure& figure) {
  std::vector<double> values;
  for (const RunResult& run : measurement.runs) {
    if (const auto value = figure.of(run)) values.push_back(*value);
  }
  if (values.empty()) return {};
  const double median = median_of(values);  // sorts
  return Spread{
      .median = median, .min = values.front(), .max = values.back(), .runs = values.size()};
}

const RunResult& typical_run(const Measurement& measurement) {
  std::vector<std::pair<double, const RunResult*>> runs;
  runs.reserve(measurement.runs.size());
  for (const RunResult& run : measurement.runs) {
    runs.emplace_back(run.latency.p99_us.value_or(run.deliveries_per_s), &run);
  }
  std::ranges::sort(runs);
  return *runs[(runs.size() - 1) / 2].second;
}

std::string human(Unit unit, double value) {
  switch (unit) {
    case Unit::microseconds:
      return human_us(value);
    case Unit::nanoseconds:
      return with_commas(value) + " ns";
    case Unit::bytes:
      return human_bytes(value);
    case Unit::share:
      return fmt::format("{:.0f} %", 100 * value);
    case Unit::per_second:
      if (value < 100) return fmt::format("{:.3g}", value);
      break;
    case Unit::count:
      break;
  }
  return with_commas(value);
}

std::string typeset(Unit unit, double value) {
  std::string text = human(unit, value);
  if (text.ends_with(" us")) text.replace(text.size() - 2, 2, "µs");
  return text;
}

std::string printable(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    // U+0080 to U+009F, as UTF-8 has them, are control characters, too.
    const bool upper =
        c == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (c < 0x20 || c == 0x7f || upper) {
      out += "\xef\xbf\xbd";
      at += upper ? 1 : 0;
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace ringcast::load
