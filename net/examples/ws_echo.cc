// Sends every message back, on any path: example_ws_echo 127.0.0.1:9000
#include <fmt/format.h>

#include "net/http_server.h"
#include "net/websocket.h"

using namespace ringcast;

static Task<void> echo(WebSocket& socket) {
  WsMessage message;
  while (co_await socket.receive(message)) {
    if (!co_await socket.send(message.opcode, message.payload)) co_return;
  }
}

static Task<void> handle(HttpExchange& exchange) {
  static const WebSocketOptions options{
      .limits = {.max_message_bytes = 64 << 20, .max_frame_bytes = 64 << 20}};
  return serve_websocket(exchange, echo, options);
}

int main(int argc, char** argv) {
  const auto served = serve_http(argc > 1 ? argv[1] : "127.0.0.1:9000", handle);
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
