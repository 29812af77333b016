#include "protocol/features.h"

#include <fmt/format.h>

namespace ringcast {
namespace {

constexpr std::array<std::string_view, Features::kCount> kNames = {
    "sse-streaming",         "websocket-streaming", "mcp",
    "stream-compression",    "real-time-analytics", "stream-monitoring",
    "stream-authentication", "stream-rate-limiting"};

bool configured(Feature feature, const Config& config) {
  switch (feature) {
    case Feature::sse_streaming:
      return config.sse.enabled;
    case Feature::websocket_streaming:
      return config.ws.enabled;
    case Feature::mcp:
      return config.mcp.enabled;
    case Feature::stream_compression:
      return config.ws.compression;
    case Feature::stream_monitoring:
      return config.metrics.enabled;
    case Feature::stream_authentication:
      return config.auth.enabled;
    case Feature::stream_rate_limiting:
      return config.limits.rate_limiting;
    default:
      return true;
  }
}

Feature nth(std::size_t index) { return static_cast<Feature>(index); }

}  // namespace

std::string_view feature_name(Feature feature) { return kNames[static_cast<std::size_t>(feature)]; }

std::optional<Feature> find_feature(std::string_view name) {
  for (std::size_t n = 0; n < Features::kCount; ++n) {
    if (kNames[n] == name) return nth(n);
  }
  return {};
}

Features::Features(const Config& config) {
  for (std::size_t n = 0; n < kCount; ++n) set(nth(n), configured(nth(n), config));
}

void Features::reload(const Config& before, const Config& after) {
  for (std::size_t n = 0; n < kCount; ++n) {
    const bool now = configured(nth(n), after);
    if (now != configured(nth(n), before)) set(nth(n), now);
  }
}

std::vector<std::pair<std::string, bool>> Features::switched(const Config& config) const {
  std::vector<std::pair<std::string, bool>> switched;
  for (std::size_t n = 0; n < kCount; ++n) {
    if (on(nth(n)) != configured(nth(n), config)) switched.emplace_back(kNames[n], on(nth(n)));
  }
  return switched;
}

std::string Features::json() const {
  std::string text = "[";
  for (std::size_t n = 0; n < kCount; ++n) {
    text += fmt::format("{}{{\"name\":\"{}\",\"enabled\":{}}}", n == 0 ? "" : ",", kNames[n],
                        on(nth(n)));
  }
  text += ']';
  return text;
}

}  // namespace ringcast
