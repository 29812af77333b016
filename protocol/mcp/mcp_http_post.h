// POST of Streamable HTTP, and what all of MCP's HTTP shares.
#pragma once

#include <string>
#include <string_view>

#include "core/task.h"
#include "net/http_exchange.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_headers.h"

namespace ringcast {

Task<void> serve_mcp_post(McpEndpoint& endpoint, HttpExchange& exchange, const McpHeaders& headers);

// An error of JSON-RPC as the body; `allow` adds the header that 405 has.
void respond_error(HttpExchange& exchange, int status, std::string_view id, const RpcError& error,
                   bool allow = false);

// True if it comes from a page that may not ask, and was refused.
bool refuse_origin(McpEndpoint& endpoint, HttpExchange& exchange, const McpHeaders& headers);

// A body that could not be had, as an error of JSON-RPC too.
void refuse_body(HttpExchange& exchange, const HttpError& error);

// Who asks: one and the same for everybody who shows the same credentials, empty without any. What
// belongs to one is not there for another.
std::string principal_of(const McpHeaders& headers);
McpOwner owner_of(const McpHeaders& headers);
// Takes the place of a session among its client's: true if it was refused (429).
bool refuse_session(McpEndpoint& endpoint, HttpExchange& exchange, std::string_view id,
                    McpOwner& owner);

// The session of that id if it is this principal's.
McpSession* find_own_session(McpEndpoint& home, std::string_view id, std::string_view principal);

// A message of a session whose answers all go to `stream`: requests are started, the rest is
// obeyed. The error is of a message that is none; errors of requests go to the stream. One that
// came too soon is not obeyed: a request gets `too_soon` for an answer.
std::optional<RpcError> receive_message(McpEndpoint& home, McpSession& session,
                                        std::string_view text, McpStream& stream,
                                        const PrincipalPtr& who,
                                        const std::optional<RpcError>& too_soon = {});

}  // namespace ringcast
