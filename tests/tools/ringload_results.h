// Results as tests make them up.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

inline RunResult made_up_run(double deliveries_per_s, double p99_us) {
  RunResult run;
  run.file = "run.json";
  run.target = "ringcast";
  run.transport = "sse";
  run.kind = "fan_out";
  run.mode = "closed";
  run.started_at = "2026-11-22T15:40:06Z";
  run.command = {"ringload", "sse", "--topic-prefix", "it's"};
  run.seconds = 2;
  run.delivered = deliveries_per_s * 2;
  run.deliveries_per_s = deliveries_per_s;
  run.latency = {.p50_us = p99_us / 4,
                 .p90_us = p99_us / 2,
                 .p99_us = p99_us,
                 .p999_us = p99_us * 2,
                 .max_us = p99_us * 3,
                 .mean_us = p99_us / 4};
  run.curve = {{0, 1}, {0.5, p99_us / 4}, {0.99, p99_us}, {0.999, p99_us * 2}, {1, p99_us * 3}};
  for (int at = 0; at < 4; ++at) {
    run.intervals.push_back({.at_s = 100 + at * 0.5,
                             .seconds = 0.5,
                             .published = 10,
                             .delivered = deliveries_per_s / 2,
                             .latency = {.p99_us = p99_us}});
  }
  run.server_ns_per_delivery = 250;
  run.server_rss_bytes = 1 << 24;
  return run;
}

inline Measurement made_up(std::string name, std::vector<double> rates, double p99_us = 1000) {
  Measurement measurement{.name = std::move(name), .runs = {}};
  for (const double rate : rates) measurement.runs.push_back(made_up_run(rate, p99_us));
  return measurement;
}

}  // namespace ringcast::load
