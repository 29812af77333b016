// What can be switched on and off while the server runs: by its configuration, and by whoever
// administers. A transport that is off answers 501; what is connected stays.
//
// Any core reads and writes; each switch is an atomic of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/config.h"

namespace ringcast {

enum class Feature : std::uint8_t {
  sse_streaming,          // event streams
  websocket_streaming,    // WebSockets
  mcp,                    // the Model Context Protocol, over every transport
  stream_compression,     // permessage-deflate for those who connect from now on
  real_time_analytics,    // the server's own figures on the topic `metrics`
  stream_monitoring,      // GET /metrics
  stream_authentication,  // keys and tokens are asked for, where any are configured
  stream_rate_limiting,   // how often clients and keys may ask
  count
};

std::string_view feature_name(Feature feature);  // "sse-streaming"
std::optional<Feature> find_feature(std::string_view name);

class Features {
 public:
  static constexpr auto kCount = static_cast<std::size_t>(Feature::count);

  explicit Features(const Config& config);

  bool on(Feature feature) const { return at(feature).load(std::memory_order_relaxed); }
  void set(Feature feature, bool on) { at(feature).store(on, std::memory_order_relaxed); }
  // A reload: what the configuration says anew counts, what it says as before leaves alone what
  // was switched in between.
  void reload(const Config& before, const Config& after);

  // Those that are not as the configuration has them, by name.
  std::vector<std::pair<std::string, bool>> switched(const Config& config) const;

  // `[{"name":"sse-streaming","enabled":true},…]`
  std::string json() const;

 private:
  std::atomic<bool>& at(Feature feature) { return on_[static_cast<std::size_t>(feature)]; }
  const std::atomic<bool>& at(Feature feature) const {
    return on_[static_cast<std::size_t>(feature)];
  }
  std::array<std::atomic<bool>, kCount> on_;
};

}  // namespace ringcast
