#include "protocol/protected_resource.h"

#include <fmt/format.h>

#include "core/utf8.h"
#include "protocol/event_json.h"
#include "protocol/mcp/mcp_http.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";
constexpr std::string_view kMcp = "/mcp";

std::string_view resource_path(std::string_view path) {
  return is_mcp_path(path) || path.ends_with(kMcp) ? kMcp : std::string_view();
}

}  // namespace

bool ProtectedResource::is_path(std::string_view path) {
  if (!path.starts_with(kWellKnown)) return false;
  path.remove_prefix(kWellKnown.size());
  return path.empty() || path == kMcp;
}

const JwtRules* ProtectedResource::rules() const {
  if (access_ == nullptr || !access_->policy.jwt) return nullptr;
  const JwtRules& rules = *access_->policy.jwt;
  return rules.authorization_servers.empty() ? nullptr : &rules;
}

std::string ProtectedResource::origin_of(const HttpExchange& exchange) const {
  if (const JwtRules* const known = rules(); known != nullptr && !known->resource.empty()) {
    return known->resource;
  }
  return fmt::format("{}://{}", exchange.forwarded_proto().value_or("http"),
                     exchange.forwarded_host().value_or(exchange.head().host));
}

void ProtectedResource::answer(HttpExchange& exchange) const {
  const JwtRules* const known = rules();
  if (known == nullptr) {
    exchange.refuse(404, "no_authorization_server",
                    "The access file names nobody who gives tokens for this server.");
    return;
  }
  const std::string_view path = resource_path(exchange.head().path);
  std::string body = "{\"resource\":";
  append_json_string(body, origin_of(exchange).append(path));
  body += ",\"authorization_servers\":[";
  for (const std::string& server : known->authorization_servers) {
    if (!body.ends_with('[')) body += ',';
    append_json_string(body, server);
  }
  body += "],\"bearer_methods_supported\":[\"header\"],\"resource_name\":\"ringcast\"";
  body += ",\"scopes_supported\":[";
  if (path.empty()) body += R"("publish:*","subscribe:*","rooms:*","tools:*","admin")";
  if (!path.empty()) body += R"("tools:*","publish:*","subscribe:*")";
  if (!path.empty()) {
    for (const auto& tool : tools_.tools()) {
      body += ',';
      append_json_string(body, "tools:" + tool->about.name);
    }
  }
  body += "]}\n";
  exchange.respond(200, "application/json", body, {{"Cache-Control", "no-store"}});
}

std::string ProtectedResource::challenge(const HttpExchange& exchange,
                                         std::string challenge) const {
  if (rules() == nullptr) return challenge;
  const std::string_view path = exchange.head().path;
  const bool mcp = is_mcp_path(path);
  challenge += fmt::format(R"(, resource_metadata="{}{}{}")", origin_of(exchange), kWellKnown,
                           mcp ? kMcp : std::string_view());
  // A client that has nothing yet is told what to ask for.
  if (mcp && !challenge.contains("scope=")) challenge += R"(, scope="tools:*")";
  return challenge;
}

}  // namespace ringcast
