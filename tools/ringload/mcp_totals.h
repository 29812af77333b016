// What the callers of MCP have seen besides what Arrivals holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/mcp_answer.h"
#include "tools/ringload/report.h"

namespace ringcast::load {

class McpTotals {
 public:
  // A call that was not answered right, and what was said instead.
  void count(McpOutcome outcome, std::string_view said);

  std::uint64_t altered() const { return counts_[index(McpOutcome::altered)]; }
  // All the others.
  std::uint64_t failed() const;
  // Each kind with its number and the first that was said.
  void warn(Report& report) const;

  std::uint64_t calls = 0;         // that were made
  std::size_t sessions = 0;        // that were opened
  std::uint64_t answer_bytes = 0;  // of the first right answer's body

 private:
  static std::size_t index(McpOutcome outcome) { return static_cast<std::size_t>(outcome); }

  std::array<std::uint64_t, kMcpOutcomes> counts_{};
  std::array<std::string, kMcpOutcomes> first_;
};

}  // namespace ringcast::load
