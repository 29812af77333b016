#include "protocol/cors.h"

#include <algorithm>

namespace ringcast {

void allow_origin(HttpExchange& exchange, const Config& config) {
  if (!config.cors.enabled) return;
  const auto origin = exchange.head().find("Origin");
  if (!origin) return;
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

void answer_options(HttpExchange& exchange, std::string_view methods) {
  if (exchange.head().find("Access-Control-Request-Method")) {
    exchange.respond_empty(
        204, {{"Access-Control-Allow-Methods", methods},
              {"Access-Control-Allow-Headers",
               "Accept, Authorization, Cache-Control, Content-Type, Last-Event-ID, X-API-Key, "
               "Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name"},
              {"Access-Control-Max-Age", "86400"}});
  } else {
    exchange.respond_empty(204, {{"Allow", methods}});
  }
}

}  // namespace ringcast
