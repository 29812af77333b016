#include "tools/ringload/mcp_streams.h"

#include <fmt/format.h>

namespace ringcast::load {

McpStreams::McpStreams(const Options& options, const Address& address, Loop& loop,
                       Arrivals& arrivals)
    : options_(options),
      ramp_(options.mcp.sessions, options.ramp, options.sources),
      pacer_({.options = options, .topics = 1, .ramp = 0}, loop, arrivals, *this, {}) {
  const std::size_t count = options.mcp.sessions;
  streams_.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    streams_.push_back(std::make_unique<McpStream>(loop, index * loop.rings() / count, options,
                                                   address, arrivals, counts_));
  }
}

void McpStreams::connect(std::int64_t now_ns) {
  ramp_.step(
      now_ns, [this] { return connected(); },
      [this](std::size_t index, unsigned source) { streams_[index]->start({.source = source}); });
}

Result<void> McpStreams::check() const {
  if (counts_.failed == 0 || counts_.ready != 0) return {};
  return fail("subscribe_failed", fmt::format("Cannot open a session at {}: {}.",
                                              options_.target.host_header(), counts_.first_error));
}

std::uint64_t McpStreams::failures() const { return counts_.failed + counts_.lost; }

void McpStreams::fill(Report& report) const {
  report.subscribers_ready = static_cast<std::uint32_t>(counts_.ready);
  report.subscribers_failed = static_cast<std::uint32_t>(counts_.failed);
  report.subscribers_lost = static_cast<std::uint32_t>(counts_.lost);
}

void McpStreams::warn(Report& report) const {
  if (counts_.failed != 0) {
    report.warn("{} of {} sessions failed: {}", counts_.failed, size(), counts_.first_error);
  }
  if (counts_.lost != 0) {
    report.warn("{} sessions were cut off: {}", counts_.lost, counts_.first_error);
  }
}

}  // namespace ringcast::load
