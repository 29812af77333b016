// MCP over a connection of its own, where everything goes one way or the other as whole messages:
// WebSocket, and standard input and output. The connection is the session; both the revisions with
// a beginning and the stateless ones are spoken on it.
#pragma once

#include "core/task.h"
#include "net/http_exchange.h"
#include "net/websocket.h"
#include "protocol/mcp/mcp_endpoint.h"

namespace ringcast {

// A WebSocket at `/mcp` with the subprotocol `mcp`: a JSON-RPC message is a text message.
Task<void> serve_mcp_websocket(McpEndpoint& endpoint, HttpExchange& exchange,
                               const WebSocketOptions& options, PrincipalPtr who = nullptr);
bool is_mcp_websocket(const RequestHead& head);

// Standard input and output: a message is a line. Returns when the input has ended and what it
// asked has been answered, or when the scope is cancelled.
Task<void> serve_mcp_stdio(McpEndpoint& endpoint, Scope& scope);

// The options that MCP's WebSockets need of those given.
WebSocketOptions mcp_websocket_options(WebSocketOptions options, const McpOptions& mcp);

}  // namespace ringcast
