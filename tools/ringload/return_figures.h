// What was measured of subscribers that leave and return.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/ringload/timeline.h"

namespace ringcast::load {

struct ChurnFigures {
  std::uint64_t replaced = 0;
  std::uint64_t failed = 0;  // connects
  LatencySummary ready;      // from the connect to the stream
};

// One storm. Times below 0 were not reached before the next one, or before the end.
struct StormFigures {
  double at_s = 0;  // since the measuring began
  std::uint64_t disconnected = 0;
  double half_s = -1;  // until these shares were streaming again
  double most_s = -1;
  double all_s = -1;
  double caught_up_s = -1;  // until everyone had all that was published before the last was back
  std::uint64_t connects = 0;
  std::uint64_t failed_connects = 0;
  double connects_per_s = 0;
  LatencySummary publish;  // until all had caught up, as the next two
  double server_cpu_s = 0;
  std::uint64_t server_rss_peak_bytes = 0;
};

struct StormsFigures {
  std::vector<StormFigures> storms;
  std::uint64_t missed = 0;  // published while they were away, where nothing is resumed
  std::uint64_t away = 0;    // subscribers that were not back at the end
  std::uint64_t failed_connects = 0;
  std::uint64_t server_rss_peak_bytes = 0;
  LatencySummary ready;  // from the connect to the stream
};

}  // namespace ringcast::load
