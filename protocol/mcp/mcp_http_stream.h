// Streams of MCP as responses: over the request's connection, or over one that was taken over for
// the purpose and that holds nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/admission.h"
#include "core/operation.h"
#include "core/task.h"
#include "net/http_exchange.h"
#include "protocol/mcp/mcp_endpoint.h"

namespace ringcast {

// Which stream somebody reads: of a session, on the session's home core.
struct McpStreamRef {
  McpEndpoint* home = nullptr;
  std::string session;
  std::uint32_t stream = 0;
  McpStream::Token token = 0;
  std::uint64_t position = 0;
  McpStream::Form form = McpStream::Form::numbered_events;
};

// The next of it; waits for as long as the keep-alive comment may. From any core.
Task<McpStream::Fetched> fetch_next(McpEndpoint& here, const McpStreamRef& ref);
// The reader leaves. From any core; does not wait.
void leave_stream(McpEndpoint& here, const McpStreamRef& ref);

// What an event stream begins with, so that the client can resume from the start; empty for
// revisions that do not know it.
std::string priming_event(const McpEndpoint& here, McpRevision revision, std::uint32_t stream,
                          std::uint64_t position);

void add_stream_headers(HttpExchange& exchange);

// Sends a session's stream as the response, to its end or the client's.
Task<void> send_stream(McpEndpoint& here, HttpExchange& exchange, McpStreamRef ref,
                       std::string_view first, std::string_view session_header,
                       const PrincipalPtr& who);

// Whose a stream is, and what ends with it.
struct McpReader {
  PrincipalPtr who;
  ClientPlaces::Place place;
  bool owns_session = false;
};
// The same over a connection that is ours from now on: `head` has not been sent yet.
void spawn_stream(McpEndpoint& here, Descriptor fd, std::string head, McpStreamRef ref,
                  McpReader reader);

inline constexpr std::string_view kMcpKeepAlive = ": keepalive\n\n";
inline constexpr std::size_t kMostFetchedBytes = 64 << 10;

}  // namespace ringcast
