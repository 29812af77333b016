// What a run shows while it lasts: its phase, how far it is, rates, latencies, failures and the
// client's own cost. Here are the lines; `terminal` draws them, `live_progress` fills the state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::load {

enum class RunPhase : std::uint8_t { connecting, warming_up, measuring, draining };

struct LiveState {
  RunPhase phase = RunPhase::connecting;
  std::string_view members = "subscribers";
  std::size_t connected = 0;
  std::size_t wanted = 0;  // connections
  double elapsed_s = 0;    // of the phase
  double total_s = 0;      // 0: it lasts as long as it takes
  std::int64_t outstanding = 0;

  bool idle = false;                           // there is nothing that arrives
  std::string_view deliveries = "deliveries";  // or "calls", "round trips"
  bool with_events = true;                     // which are not the same as deliveries
  double deliveries_per_s = 0;
  double events_per_s = 0;
  struct Latency {
    double p50_us = 0;
    double p99_us = 0;
    double max_us = 0;
  };
  std::optional<Latency> latency;

  std::uint64_t lost = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t failures = 0;   // of connections, requests and calls
  double client_share = 0;      // of a core
  std::vector<double> rates{};  // deliveries/s until now, the oldest first
};

inline constexpr std::size_t kLeastColumns = 40;
inline constexpr std::size_t kMostRates = 60;

// None is wider than `columns` (kLeastColumns, if that is more).
std::vector<std::string> live_lines(const LiveState& state, std::size_t columns);

// "▁▂▄█": the last `columns` of the values, the greatest as high as it gets.
std::string sparkline(const std::vector<double>& values, std::size_t columns);

}  // namespace ringcast::load
