// A program that is an MCP server and nothing else.
#pragma once

#include <string>

#include "core/result.h"
#include "net/http_server.h"
#include "protocol/mcp/mcp_options.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast {

// Serves MCP over HTTP and WebSocket at `address` (`127.0.0.1:9000`), on all cores, until SIGINT or
// SIGTERM. Errors: the server's own first one, and those of run_servers(); nothing was served then.
Result<void> serve_mcp(const std::string& address, const McpServer& server,
                       const McpOptions& options = {}, const HttpLimits& limits = {});

// Serves one client on standard input and output, until the input ends or SIGINT or SIGTERM.
Result<void> serve_mcp_stdio(const McpServer& server, const McpOptions& options = {});

}  // namespace ringcast
