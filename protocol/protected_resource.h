// This server as a protected resource of OAuth 2.0: where a client that has no token learns who
// gives one (RFC 9728), as MCP asks of its servers (2025-06-18 and later, Authorization).
//
// The metadata is at /.well-known/oauth-protected-resource for the server, and with /mcp behind it
// for the Model Context Protocol alone. It is there if the access file names who gives tokens.
//
// One for a core; the snapshot of the access file is shared and immutable.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/http_exchange.h"
#include "protocol/auth/authenticator.h"

namespace ringcast {

class McpServer;

class ProtectedResource {
 public:
  explicit ProtectedResource(const McpServer& tools) : tools_(tools) {}
  void configure(std::shared_ptr<const Access> access) { access_ = std::move(access); }

  static bool is_path(std::string_view path);
  void answer(HttpExchange& exchange) const;

  // Of WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1): `challenge`, and where the metadata is.
  std::string challenge(const HttpExchange& exchange, std::string challenge) const;

 private:
  const JwtRules* rules() const;
  // `https://events.example.org`: as configured, or as the request came here.
  std::string origin_of(const HttpExchange& exchange) const;

  const McpServer& tools_;
  std::shared_ptr<const Access> access_;
};

}  // namespace ringcast
