#include "net/client_watch.h"

#include "net/http_connection.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostKeptBytes = 64 << 10;

}  // namespace

ClientWatch::ClientWatch(HttpExchange& exchange, Listener& listener)
    : exchange_(exchange), listener_(listener), scope_(exchange.socket().scope().reactor()) {
  scope_.spawn(receive(this));
}

Task<void> ClientWatch::receive(ClientWatch* self) {
  const Socket socket(self->scope_, self->exchange_.descriptor());
  for (;;) {
    const Received received = co_await socket.receive();
    if (received.result() == -ECANCELED) co_return;
    if (received.result() <= 0) break;
    if (!self->exchange_.keep_input(received.bytes(), kMostKeptBytes)) co_return;
  }
  self->gone_ = true;
  self->listener_.client_gone();
}

Task<void> ClientWatch::stop() {
  scope_.cancel();
  co_await scope_.join();
}

}  // namespace ringcast
