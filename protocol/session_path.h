// Paths that name a session (/api/stream/progress/{session_id} and its like), for the log.
#pragma once

#include <string_view>

namespace ringcast {

// The session that `path` is of, as it was sent; empty if it is of none.
constexpr std::string_view session_of(std::string_view path) {
  constexpr std::string_view kPrefixes[] = {
      "/api/stream/progress/",
      "/api/stream/quality/",
      "/ws/process/",
      "/ws/agent/",
  };
  for (const std::string_view prefix : kPrefixes) {
    if (path.starts_with(prefix)) return path.substr(prefix.size());
  }
  return {};
}

}  // namespace ringcast
