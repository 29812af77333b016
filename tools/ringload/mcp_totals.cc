#include "tools/ringload/mcp_totals.h"

#include <numeric>

namespace ringcast::load {
namespace {

constexpr std::size_t kShownBytes = 200;

constexpr std::array<std::string_view, kMcpOutcomes> kNames = {
    "were answered right",
    "were answered with another text than was sent",
    "were answered with another status than 200",
    "were answered with an error of JSON-RPC",
    "were answered with an error of the tool",
    "were answered with another id than was asked",
    "were answered with something that is no JSON-RPC response",
    "were cut off",
};

}  // namespace

void McpTotals::count(McpOutcome outcome, std::string_view said) {
  const std::size_t kind = index(outcome);
  if (counts_[kind]++ == 0) first_[kind] = said.substr(0, kShownBytes);
}

std::uint64_t McpTotals::failed() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}) - altered();
}

void McpTotals::warn(Report& report) const {
  for (std::size_t kind = 0; kind < kMcpOutcomes; ++kind) {
    if (counts_[kind] == 0) continue;
    report.warn("{} calls {}, the first: {}", counts_[kind], kNames[kind], first_[kind]);
  }
}

}  // namespace ringcast::load
