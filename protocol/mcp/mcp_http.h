// MCP over HTTP: Streamable HTTP at `/mcp`, of every revision, and the transport of 2024-11-05,
// `GET /sse` with `POST /messages`.
//
// A stateless request (2026-07-28; its `_meta` says so) is served where it arrives. One of a
// session is served on the session's home core, from where the answer comes back. Answers are JSON,
// or an event stream from the first message on that is not the answer.
#pragma once

#include <string_view>

#include "core/task.h"
#include "net/http_exchange.h"
#include "protocol/mcp/mcp_endpoint.h"

namespace ringcast {

bool is_mcp_path(std::string_view path);
// `who` sent the request; null: everybody may do everything.
Task<void> serve_mcp_http(McpEndpoint& endpoint, HttpExchange& exchange,
                          PrincipalPtr who = nullptr);

// What answers OPTIONS on these paths.
inline constexpr std::string_view kMcpMethods = "GET, POST, DELETE, OPTIONS";

}  // namespace ringcast
