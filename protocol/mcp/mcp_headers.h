// The rules for headers of MCP over HTTP: which hosts and origins may ask, which content types, and
// what a stateless request repeats of its body (2026-07-28, "Standard request headers" and
// "Custom parameter headers").
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_head.h"
#include "protocol/auth/principal.h"
#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_options.h"

namespace ringcast {

// The fields of a request that matter here, found in one pass over its head; views into it.
struct McpHeaders {
  explicit McpHeaders(const RequestHead& head, PrincipalPtr of = nullptr);

  struct Field {
    std::string_view value;
    unsigned count = 0;
    bool once() const { return count == 1; }
    explicit operator bool() const { return count > 0; }
  };
  Field content_type, origin, session, last_event_id, authorization;
  Field version;  // MCP-Protocol-Version
  Field method;   // Mcp-Method
  Field name;     // Mcp-Name
  std::string_view host;
  std::string_view token;  // the query's `token`, as written, for clients that cannot set headers
  PrincipalPtr who;        // null: everybody may do everything
  // Which types a response may have. Where nothing is asked for, everything may be sent.
  bool accepts_json = true;
  bool accepts_events = true;

  // The content type is application/json, whatever its parameters.
  bool is_json() const;
};

// True if the request may come from a page, or does not come from a browser. A browser says so with
// `Origin`; then that, and `Host`, must be loopback names or among options.hosts: a page that made
// its name resolve to us (DNS rebinding) has neither.
bool allows_origin(const McpHeaders& headers, const McpOptions& options);

// What is wrong with a stateless request's headers; `call` has been read. Status 400.
std::optional<RpcError> check_version_header(const McpHeaders& headers, const McpCall& call);
std::optional<RpcError> check_method_headers(const McpHeaders& headers, const McpCall& call);
std::optional<RpcError> check_parameter_headers(const RequestHead& head, const McpCall& call);

// A header's value without its base64 sentinel, `=?base64?…?=`; nothing if that is malformed.
std::optional<std::string> decode_header(std::string_view value);

}  // namespace ringcast
