// What the fan-out of a core is configured with. All may change while it runs.
#pragma once

#include <cstdint>

namespace ringcast {

struct HubOptions {
  std::uint32_t sends_per_round = 64;       // then completions are looked at
  std::uint32_t send_bytes = 256 << 10;     // most bytes of history in one send
  std::uint32_t merge_bytes = 64 << 10;     // most bytes composed for one send
  std::uint32_t heartbeat_ms = 15'000;      // 0: none
  std::uint32_t ping_ms = 20'000;           // of silence of one that also speaks; 0: none
  std::uint32_t pong_timeout_ms = 10'000;   // then it is closed
  std::uint32_t form_linger_ms = 5'000;     // what nobody reads in another form is let go of then
  std::uint32_t send_timeout_ms = 30'000;   // a send that takes longer closes its subscriber
  std::uint32_t ending_timeout_ms = 2'000;  // how long the peer may take to end its side
  std::uint32_t drain_retry_min_ms = 500;
  std::uint32_t drain_retry_max_ms = 5'000;
  std::uint32_t view_linger_ms = 5'000;       // an unused view is kept for returning subscribers
  std::uint32_t max_pattern_topics = 10'000;  // topics that one subscriber's patterns may reach
};

}  // namespace ringcast
