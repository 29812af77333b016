// An HTTP/1.1 connection: reads requests, hands each to the handler, sends the responses in order.
//
// The coroutine run() is the connection's life. Bytes go from the core's receive buffers into `in`;
// a request is parsed there and the response collected in `out`, which is sent once nothing
// complete is left in `in` (so pipelined requests share sends). Both buffers go back while it is
// idle.
//
// Times: a head must be complete within header_timeout of its first byte (408), a body must not
// pause longer than body_timeout nor come slower than min_body_bytes_per_s (408), an idle
// connection is closed after idle_timeout. One over the limit of connections (503) or of its
// client's (429) is refused when its request begins, at the latest after header_timeout; only so
// many wait for that, others are closed at once. A PROXY header has a head's time as well; a
// connection without a right one is closed without an answer.
//
// Where receive_bytes_per_s says so, what was received is paid for with time before more is: the
// peer feels it as a slow link.
#pragma once

#include <cstdint>

#include "core/client_places.h"
#include "core/list.h"
#include "core/scope.h"
#include "core/socket.h"
#include "net/buffer.h"
#include "net/client_address.h"
#include "net/head_scanner.h"
#include "net/http_exchange.h"
#include "net/receive_pace.h"

namespace ringcast {

class HttpServer;

class HttpConnection : public ListHook {
 public:
  // `proxied`: a proxy says first whose connection it is.
  HttpConnection(HttpServer& server, Descriptor fd, const SocketAddress& peer, bool admitted,
                 bool proxied);
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
  [[gnu::noinline]] Task<bool> receive_proxy_header();
  // The answer to whoever may not even ask.
  [[gnu::noinline]] Task<void> turn_away(HttpError error);
  [[gnu::noinline]] Task<bool> serve_request();
  [[gnu::noinline]] Task<bool> receive_head();
  Task<bool> receive_first(std::uint64_t timeout_ms);
  [[gnu::noinline]] Task<bool> respond_and_close(HttpError error);
  Task<bool> flush();
  [[gnu::noinline]] Task<bool> settle(HttpExchange& exchange);
  [[gnu::noinline]] Task<void> linger();
  std::int64_t after_ms(std::uint64_t ms);
  void arrived(std::string_view bytes);
  // Whoever receives more waits first, where this says so.
  bool ahead_of_pace() { return pace_.waits(scope_.reactor().now_ns()); }
  [[gnu::noinline]] Task<void> keep_pace();

  HttpServer& server_;
  Scope scope_;
  Socket socket_;
  ClientAddress peer_;  // of the socket, or whom the PROXY header names
  ClientPlaces::Place place_;
  Buffer in_;
  Buffer out_;
  HeadScanner scanner_;
  DrainListener* drain_listener_ = nullptr;
  ReceivePace pace_;
  bool admitted_;
  bool proxied_;
  bool tls_ = false;  // between the client and the proxy
  bool idle_ = false;
  bool taken_ = false;
  bool linger_ = false;
};

}  // namespace ringcast
