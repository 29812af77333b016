// Echoes every request's body, under any method and path: example_http_echo 127.0.0.1:9000
#include <fmt/format.h>

#include "net/http_server.h"

using namespace ringcast;

static Task<void> echo(HttpExchange& exchange) {
  const auto body = co_await exchange.body(64 << 20);
  if (!body) {
    exchange.refuse(body.error());
    co_return;
  }
  const auto type = exchange.head().find("Content-Type");
  exchange.respond(200, type.value_or("application/octet-stream"), *body);
}

int main(int argc, char** argv) {
  const auto served = serve_http(argc > 1 ? argv[1] : "127.0.0.1:9000", echo);
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
