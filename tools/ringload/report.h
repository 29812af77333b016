// The result of a run, for people and for programs.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/ringload/activity.h"
#include "tools/ringload/environment.h"
#include "tools/ringload/options.h"
#include "tools/ringload/percentile_curve.h"
#include "tools/ringload/return_figures.h"
#include "tools/ringload/steadiness.h"
#include "tools/ringload/timeline.h"

namespace ringcast::load {

// Of the JSON; another number means that names in it mean something else.
inline constexpr int kResultFormat = 1;

struct Report {
  std::string started_at;  // UTC
  Environment environment;

  double warmup_s = 0;         // how long it took
  bool warmup_settled = true;  // --warmup auto: before it had lasted as long as it may

  // Of the time measured, after the warm-up.
  double seconds = 0;
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  double server_cpu_s = 0;
  double client_cpu_s = 0;     // without waiting for the clock in a loop
  double server_waited_s = 0;  // its threads were ready to run, and others had the core
  double client_waited_s = 0;
  Activity::Counts server_activity;
  Steadiness steadiness;
  std::uint64_t receives = 0;
  std::uint64_t netdev_dropped = 0;
  double steal_share = 0;

  // Of the whole run.
  std::uint64_t total_published = 0;
  std::uint64_t total_delivered = 0;
  std::uint64_t lost = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t altered = 0;       // echoes that were not what was sent
  std::uint64_t foreign = 0;       // what came instead of answers
  std::uint64_t calls_failed = 0;  // mcp: answered with errors, or cut off
  std::uint64_t gaps = 0;
  std::uint64_t refused = 0;
  std::uint64_t unsent = 0;  // due, never sent
  std::uint32_t subscribers_ready = 0;
  std::uint32_t subscribers_failed = 0;
  std::uint32_t subscribers_lost = 0;
  std::uint32_t publishers_failed = 0;
  std::uint64_t answer_bytes = 0;  // mcp: of the first right answer's body

  LatencySummary latency;
  LatencySummary publish_latency;
  std::vector<CurvePoint> curve;
  std::vector<CurvePoint> publish_curve;
  std::vector<Interval> intervals;

  std::optional<ChurnFigures> churn;
  std::optional<StormsFigures> storms;

  bool server_known = false;
  std::uint64_t server_rss_bytes = 0;
  std::uint64_t server_anon_bytes = 0;
  double bytes_per_subscriber = 0;

  std::vector<std::string> warnings;

  double deliveries_per_s() const { return per_second(delivered); }
  double events_per_s() const { return per_second(published); }
  double server_ns_per_delivery() const { return per_delivery(server_cpu_s); }
  double client_ns_per_delivery() const { return per_delivery(client_cpu_s); }
  double client_share() const { return seconds > 0 ? client_cpu_s / seconds : 0; }
  bool client_bound() const { return client_share() > 0.9; }
  bool correct() const {
    return lost == 0 && duplicates == 0 && out_of_order == 0 && altered == 0 && calls_failed == 0;
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) {
    warnings.push_back(fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  double per_second(std::uint64_t count) const {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  }
  double per_delivery(double cpu_s) const {
    return delivered > 0 ? cpu_s * 1e9 / static_cast<double>(delivered) : 0;
  }
};

std::string to_json(const Options& options, const Report& report);
std::string to_text(const Options& options, const Report& report);
// In one line, with the time of day (UTC) in front.
std::string to_line(const Interval& interval);

// 1234567 → "1,234,567"; durations as "870 ns", "1.25 ms"; "12.5 MB".
std::string with_commas(double count);
std::string human_us(double us);
std::string human_bytes(double bytes);

}  // namespace ringcast::load
