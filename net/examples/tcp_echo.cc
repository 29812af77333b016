// Sends back whatever comes in: example_tcp_echo 127.0.0.1:9000
#include <fmt/format.h>

#include "net/tcp_server.h"

using namespace ringcast;

static Task<void> echo(Socket socket) {
  for (;;) {
    const Received received = co_await socket.receive();
    if (received.result() <= 0) co_return;  // the peer has ended
    if (co_await socket.send(received.bytes()) < received.result()) co_return;
  }
}

int main(int argc, char** argv) {
  const auto served = serve_tcp(argc > 1 ? argv[1] : "127.0.0.1:9000", echo);
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
