// The limits and times of an MCP endpoint, and what its cores share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "core/counter.h"
#include "protocol/mcp/mcp_stream.h"

namespace ringcast {

class McpEndpoint;
class McpServer;

struct McpOptions {
  std::uint64_t max_message_bytes = 4 << 20;
  std::uint32_t max_batch = 100;       // messages; of the one revision that has batches
  std::uint32_t max_sessions = 1'000;  // on all cores together
  std::uint32_t max_sessions_per_client = 1'000;
  std::uint64_t session_timeout_ms = 3'600'000;  // of a session that nobody uses
  std::uint32_t max_calls = 1'000;               // running at once, of a session or a core
  std::uint32_t max_listeners = 10'000;          // subscriptions/listen, of a core
  std::uint32_t max_subscriptions = 1'000;       // to resources, of a session
  std::uint32_t max_tasks = 1'000;               // kept, of a core
  std::uint64_t task_ttl_ms = 3'600'000;         // after it was made
  std::uint32_t page_items = 100;                // of a list
  std::uint64_t list_ttl_ms = 60'000;            // how long clients may cache a list or a resource
  std::uint64_t keepalive_ms = 15'000;           // between comments on streams without messages
  std::uint64_t retry_ms = 1'000;                // after which a cut off client comes back
  std::uint64_t ask_timeout_ms = 300'000;        // for what a client is asked
  std::uint64_t state_ttl_ms = 600'000;          // of a request state (2026-07-28)
  McpStreamLimits stream{};
  // Host names, besides the loopback's, under which pages may use the server; `*`: any.
  std::vector<std::string> hosts{};
  std::string mount{};  // what a proxy puts before our paths, such as /tools
};

struct McpCounters {
  Counter calls, errors, sessions_opened, sessions_expired, sessions_refused, notifications;
};

// Who owns what: built before the cores run, destroyed after. `endpoints` is filled, one entry a
// core, as the cores start; after that only the atomics change.
struct McpShared {
  McpShared(const McpServer& what, McpOptions how, std::size_t cores);

  const McpServer& server;
  const McpOptions options;
  std::vector<std::atomic<McpEndpoint*>> endpoints;
  std::atomic<std::uint32_t> sessions{0};
  std::atomic<std::uint32_t> task_followers{0};  // listeners that follow tasks, on all cores
  std::array<unsigned char, 32> key{};           // of request states
};

}  // namespace ringcast
