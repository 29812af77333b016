// An HTTP/1.1 connection: reads requests, hands each to the handler, sends the responses in order.
//
// The coroutine run() is the connection's life. Bytes go from the core's receive buffers into `in`;
// a request is parsed there and the response collected in `out`, which is sent once nothing
// complete is left in `in` (so pipelined requests share sends). Both buffers go back while it is
// idle.
//
// Times: a head must be complete within header_timeout of its first byte (408), a body must not
// pause longer than body_timeout (408), an idle connection is closed after idle_timeout. One over
// the limit of connections is refused (503) when its request begins, at the latest after
// header_timeout.
#pragma once

#include <cstdint>

#include "core/list.h"
#include "core/scope.h"
#include "core/socket.h"
#include "net/address.h"
#include "net/buffer.h"
#include "net/head_scanner.h"
#include "net/http_exchange.h"

namespace ringcast {

class HttpServer;

class HttpConnection : public ListHook {
 public:
  HttpConnection(HttpServer& server, Descriptor fd, const SocketAddress& peer, bool admitted);
  ~HttpConnection();

  // Runs to the connection's end, then deletes it.
  static Task<void> run(HttpConnection* self);

  // The server is going: ends when the response at hand is out, at once if there is none. A handler
  // that speaks another protocol meanwhile is told.
  void drain();
  void abort() { scope_.cancel(); }

 private:
  friend class HttpExchange;

  // What is not inlined has a frame of its own while it runs; else all of them would be part of
  // run()'s for as long as the connection lasts, many kilobytes of an idle one.
  Task<void> serve();
  // False: the connection ends.
  [[gnu::noinline]] Task<bool> serve_request();
  [[gnu::noinline]] Task<bool> receive_head();
  Task<bool> receive_first(std::uint64_t timeout_ms);
  [[gnu::noinline]] Task<bool> respond_and_close(HttpError error);
  Task<bool> flush();
  [[gnu::noinline]] Task<bool> settle(HttpExchange& exchange);
  [[gnu::noinline]] Task<void> linger();
  std::int64_t after_ms(std::uint64_t ms);

  HttpServer& server_;
  Scope scope_;
  Socket socket_;
  SocketAddress peer_;
  char peer_text_[48];
  std::uint8_t peer_length_;
  Buffer in_;
  Buffer out_;
  HeadScanner scanner_;
  DrainListener* drain_listener_ = nullptr;
  bool admitted_;
  bool idle_ = false;
  bool taken_ = false;
  bool linger_ = false;
};

}  // namespace ringcast
