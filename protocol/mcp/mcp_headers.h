// The rules for headers of MCP over HTTP: which hosts and origins may ask, which content types, and
// what a stateless request repeats of its body (2026-07-28, "Standard request headers" and
// "Custom parameter headers").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_head.h"
#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_options.h"

namespace ringcast {

// True if the request may come from a page, or does not come from a browser. A browser says so with
// `Origin`; then that, and `Host`, must be loopback names or among options.hosts: a page that made
// its name resolve to us (DNS rebinding) has neither.
bool allows_origin(const RequestHead& head, const McpOptions& options);

// True if a response of this type may be sent. Nothing is asked for means everything may.
bool accepts(const RequestHead& head, std::string_view type, std::string_view subtype);

bool is_json_type(const RequestHead& head);

// What is wrong with a stateless request's headers; `call` has been read. Status 400.
std::optional<RpcError> check_version_header(const RequestHead& head, const McpCall& call);
std::optional<RpcError> check_method_headers(const RequestHead& head, const McpCall& call);
std::optional<RpcError> check_parameter_headers(const RequestHead& head, const McpCall& call);

// A header's value without its base64 sentinel, `=?base64?…?=`; nothing if that is malformed.
std::optional<std::string> decode_header(std::string_view value);

}  // namespace ringcast
