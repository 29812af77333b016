// What was measured, as read from files: runs, and measurements of one or more runs each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/ringload/environment.h"
#include "tools/ringload/percentile_curve.h"

namespace ringcast::load {

// Of nothing: nothing.
struct LatencyFigures {
  std::optional<double> p50_us = {}, p90_us = {}, p95_us = {}, p99_us = {}, p999_us = {},
                        max_us = {}, mean_us = {};
};

struct RunInterval {
  double at_s = 0;
  double seconds = 0;
  double published = 0;
  double delivered = 0;
  LatencyFigures latency;
  std::optional<double> server_anon_bytes = {};  // when it ended
};

struct RunResult {
  std::string file;
  std::string ringload;  // its version
  std::string started_at;
  std::vector<std::string> command;
  Environment environment;

  std::string target, transport, kind, mode;
  double subscribers = 0, publishers = 0, topics = 0, size = 0;
  std::optional<double> rate, window;

  double seconds = 0, published = 0, delivered = 0;
  double deliveries_per_s = 0, events_per_s = 0;
  double lost = 0, duplicates = 0, out_of_order = 0, altered = 0, foreign = 0, gaps = 0;
  double calls_failed = 0, refused = 0, unsent = 0;
  double connections_failed = 0;  // of subscribers and publishers, while connecting or later

  LatencyFigures latency, publish_latency;
  std::vector<CurvePoint> curve, publish_curve;
  std::vector<RunInterval> intervals;

  // Without --server-pid: nothing.
  std::optional<double> server_cpu_s, server_ns_per_delivery, server_rss_bytes, server_anon_bytes,
      server_bytes_per_subscriber;
  std::optional<double> server_context_switches, server_involuntary_switches, server_io_calls;
  std::optional<double> client_share, client_ns_per_delivery;
  double server_waited_s = 0, client_waited_s = 0, netdev_dropped = 0, steal_share = 0;
  std::vector<std::string> warnings;

  bool idle() const { return mode == "idle"; }
};

struct Measurement {
  std::string name;
  std::vector<RunResult> runs;  // one at least
  std::string scenario = {};    // the file that they were made by; empty: none
};

}  // namespace ringcast::load
