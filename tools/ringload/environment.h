// The machine that a run was measured on, as far as figures depend on it.
#pragma once

#include <cstdint>
#include <string>

namespace ringcast::load {

struct Environment {
  std::string cpu_model;
  std::uint32_t cores = 0;  // that are online
  std::string kernel;
  std::uint64_t memory_bytes = 0;
  std::int64_t netdev_max_backlog = -1;  // -1: unknown
  std::string tcp_congestion_control;
  double load_average = 0;  // of the last minute
  bool virtualised = false;

  bool operator==(const Environment&) const = default;
};

// As it is now.
Environment read_environment();

std::string to_json(const Environment& environment);

// "2026-11-22T15:40:06Z"
std::string utc_now();

}  // namespace ringcast::load
