#include "protocol/cors.h"

#include <algorithm>
#include <string>

#include "net/http_chars.h"

namespace ringcast {

void allow_origin(HttpExchange& exchange, const Config& config) {
  if (!config.cors.enabled) return;
  const auto origin = exchange.head().find("Origin");
  if (!origin) return;
  exchange.add_header("Access-Control-Expose-Headers", "Mcp-Session-Id");
  const auto& allowed = config.cors.origins;
  if (std::ranges::find(allowed, "*") != allowed.end()) {
    exchange.add_header("Access-Control-Allow-Origin", "*");
  } else if (std::ranges::find(allowed, *origin) != allowed.end()) {
    exchange.add_header("Access-Control-Allow-Origin", *origin);
    exchange.add_header("Vary", "Origin");
  } else {
    exchange.add_header("Vary", "Origin");
  }
}

namespace {

constexpr std::string_view kHeaders =
    "Accept, Authorization, Cache-Control, Content-Type, Last-Event-ID, X-API-Key, "
    "Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name";

// And those named after a parameter of an MCP tool, of which there are as many as there are tools.
std::string allowed_headers(std::string_view asked) {
  std::string allowed(kHeaders);
  while (!asked.empty()) {
    std::string_view name = asked.substr(0, asked.find(','));
    asked.remove_prefix(std::min(name.size() + 1, asked.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    constexpr std::string_view kParameter = "mcp-param-";
    const bool parameter = name.size() > kParameter.size() &&
                           std::ranges::equal(name.substr(0, kParameter.size()), kParameter, {},
                                              [](char c) { return static_cast<char>(c | 0x20); });
    if (parameter && chars::is_token(name)) allowed.append(", ").append(name);
  }
  return allowed;
}

}  // namespace

void answer_options(HttpExchange& exchange, std::string_view methods) {
  if (exchange.head().find("Access-Control-Request-Method")) {
    const std::string headers =
        allowed_headers(exchange.head().find("Access-Control-Request-Headers").value_or(""));
    exchange.respond_empty(204, {{"Access-Control-Allow-Methods", methods},
                                 {"Access-Control-Allow-Headers", headers},
                                 {"Access-Control-Max-Age", "86400"}});
  } else {
    exchange.respond_empty(204, {{"Allow", methods}});
  }
}

}  // namespace ringcast
