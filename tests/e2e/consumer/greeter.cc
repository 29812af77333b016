// An HTTP endpoint on ringcast::net: greeter ADDRESS
#include <fmt/format.h>
#include <net/http_server.h>

using namespace ringcast;

static Task<void> greet(HttpExchange& exchange) {
  exchange.respond(200, "text/plain", fmt::format("Hello, {}!", exchange.head().target));
  co_return;
}

int main(int, char** argv) {
  const auto served = serve_http(argv[1], greet);
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
