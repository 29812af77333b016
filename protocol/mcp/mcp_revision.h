// The revisions of the Model Context Protocol, oldest first, and what each of them has.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringcast {

enum class McpRevision : std::uint8_t {
  r2024_11_05,
  r2025_03_26,
  r2025_06_18,
  r2025_11_25,
  r2026_07_28
};

inline constexpr std::array<std::string_view, 5> kMcpRevisions = {
    "2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"};
inline constexpr McpRevision kNewestWithSessions = McpRevision::r2025_11_25;

inline std::string_view revision_text(McpRevision revision) {
  return kMcpRevisions[static_cast<std::size_t>(revision)];
}

inline std::optional<McpRevision> find_revision(std::string_view text) {
  for (std::size_t i = 0; i < kMcpRevisions.size(); ++i) {
    if (kMcpRevisions[i] == text) return static_cast<McpRevision>(i);
  }
  return std::nullopt;
}

// Of 2026-07-28 on there are no sessions: every request says all about itself.
inline bool is_stateless(McpRevision revision) { return revision >= McpRevision::r2026_07_28; }

// Members of `_meta` that the stateless revisions define.
namespace mcp_meta {
inline constexpr std::string_view kPrefix = "io.modelcontextprotocol/";
inline constexpr std::string_view kVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kSubscription = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view kTasks = "io.modelcontextprotocol/tasks";
}  // namespace mcp_meta

}  // namespace ringcast
