// The HTTP server of one core: its listeners, its connections, its limits.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/admission.h"
#include "core/counter.h"
#include "core/list.h"
#include "core/reactor.h"
#include "core/result.h"
#include "net/head_cache.h"
#include "net/head_scanner.h"
#include "net/http_connection.h"
#include "net/http_date.h"
#include "net/http_exchange.h"
#include "net/listener.h"

namespace ringcast {

struct HttpLimits {
  HeadLimits head;
  std::uint64_t header_timeout_ms = 10'000;
  std::uint64_t body_timeout_ms = 30'000;
  std::uint64_t idle_timeout_ms = 75'000;
  std::uint64_t send_timeout_ms = 30'000;
  std::uint64_t linger_ms = 2'000;               // how long a closed peer may go on sending
  std::uint64_t max_discarded_bytes = 64 << 10;  // of an unread body, to keep the connection
  std::uint64_t max_buffered_bytes = 64 << 10;   // of pipelined responses, before they are sent
};

class HttpHandler {
 public:
  virtual Task<void> handle(HttpExchange& exchange) = 0;
  // A request that never got to handle() was answered; for the statistics.
  virtual void refused(int /*status*/) {}

 protected:
  ~HttpHandler() = default;
};

class HttpServer final : public Acceptor::Sink {
 public:
  HttpServer(Reactor& reactor, Admission& admission, HttpHandler& handler,
             const HttpLimits& limits);
  ~HttpServer();

  void listen(int listener);  // takes it over and starts accepting
  void set_limits(const HttpLimits& limits) {
    limits_ = limits;
    heads_.clear();
  }
  const HttpLimits& limits() const { return limits_; }

  void stop_accepting();
  void drain();      // no keep-alive any more; idle connections end
  void abort_all();  // every connection ends now
  std::size_t connections() const { return count_; }
  bool draining() const { return draining_; }
  bool finished() const;  // no connection left, and no accept under way

  struct Counters {
    Counter requests, bad_requests, timeouts, refused_connections, connections;
  } counters;
  std::uint64_t accepted() const;
  std::uint64_t accept_errors() const;
  std::uint64_t accept_pauses() const;

 private:
  friend class HttpConnection;
  friend class HttpExchange;

  void accepted(Descriptor fd, const SocketAddress& peer) override;
  std::string_view date();

  Reactor& reactor_;
  Admission& admission_;
  HttpHandler& handler_;
  HttpLimits limits_;
  HttpDateCache dates_;
  HeadCache heads_;
  std::vector<std::unique_ptr<Acceptor>> acceptors_;
  List<HttpConnection> connections_;
  std::size_t count_ = 0;
  bool draining_ = false;
};

// For programs that only want a handler: serves on all cores until SIGINT or SIGTERM.
using HttpFunction = std::function<Task<void>(HttpExchange&)>;
Result<void> serve_http(const std::string& address, HttpFunction handler,
                        const HttpLimits& limits = {});

}  // namespace ringcast
