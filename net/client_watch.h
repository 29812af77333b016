// Notices that a client goes away while a handler is busy with something else than its connection.
//
//   ClientWatch watch(exchange, listener);     // begins to receive
//   co_await …;
//   co_await watch.stop();                     // always, before the handler returns
//
// What the client sends meanwhile (the next request, pipelined) is kept for later, up to a limit;
// behind that nothing is noticed any more. The request's body must have been read. A client that
// closes its sending half counts as gone.
#pragma once

#include <cstddef>

#include "core/scope.h"
#include "core/task.h"
#include "net/http_exchange.h"

namespace ringcast {

class ClientWatch {
 public:
  class Listener {
   public:
    virtual void client_gone() = 0;  // at most once

   protected:
    ~Listener() = default;
  };

  ClientWatch(HttpExchange& exchange, Listener& listener);
  ClientWatch(const ClientWatch&) = delete;
  ClientWatch& operator=(const ClientWatch&) = delete;
  ~ClientWatch() = default;

  Task<void> stop();
  bool gone() const { return gone_; }

 private:
  static Task<void> receive(ClientWatch* self);

  HttpExchange& exchange_;
  Listener& listener_;
  Scope scope_;
  bool gone_ = false;
};

}  // namespace ringcast
