// The HTTP server of one core: its listeners, its connections, its limits.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/admission.h"
#include "core/client_places.h"
#include "core/counter.h"
#include "core/list.h"
#include "core/reactor.h"
#include "core/result.h"
#include "net/address_range.h"
#include "net/forwarded.h"
#include "net/head_cache.h"
#include "net/head_scanner.h"
#include "net/http_connection.h"
#include "net/http_date.h"
#include "net/http_exchange.h"
#include "net/listener.h"
#include "net/proxy_header.h"

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
  std::uint64_t min_body_bytes_per_s = 240;      // after body_timeout; 0: any
  std::uint64_t receive_bytes_per_s = 0;         // of a connection; 0: any
  std::uint64_t send_bytes_per_s = 0;            // of a TCP connection; 0: any
  std::uint32_t max_turned_away = 256;           // over a limit of connections, waiting to be told
  std::uint32_t requests_per_turn = 8;           // of a connection, then others go first
};

class HttpHandler {
 public:
  virtual Task<void> handle(HttpExchange& exchange) = 0;
  // A request that never got to handle() was answered; for the statistics.
  virtual void refused(const HttpExchange& /*exchange*/) {}
  // A connection was closed because of how it began.
  virtual void proxy_refused(ProxyRefusal /*reason*/, const ClientAddress& /*peer*/) {}

 protected:
  ~HttpHandler() = default;
};

class HttpServer final {
 public:
  HttpServer(Reactor& reactor, Admission& admission, HttpHandler& handler,
             const HttpLimits& limits);
  ~HttpServer();

  // Takes it over and starts accepting. `proxied`: every connection begins with a PROXY header.
  void listen(int listener, bool proxied = false);
  // A connection that somebody accepted, of a listener as in listen().
  void accepted(Descriptor fd, const SocketAddress& peer, bool proxied);
  void set_limits(const HttpLimits& limits);
  const HttpLimits& limits() const { return limits_; }
  // Places for connections, of which a client may hold so many; 0: any number. Trusted proxies and
  // exempt clients take none.
  void set_client_limit(ClientPlaces& places, std::uint32_t most, std::vector<AddressRange> exempt);
  void set_forwarding(Forwarding forwarding) { forwarding_ = std::move(forwarding); }

  // Of the listeners in `kept`, others go on to accept.
  void stop_accepting(std::span<const int> kept = {});
  void drain();      // no keep-alive any more; idle connections end
  void abort_all();  // every connection ends now
  std::size_t connections() const { return count_; }
  bool draining() const { return draining_; }
  bool finished() const;  // no connection left, and no accept under way

  struct Counters {
    Counter requests, bad_requests, timeouts, refused_connections, refused_clients, connections;
    Counter too_busy, paced, deferred;
    Counter proxy_headers, forwarded_unreadable;
    std::array<Counter, static_cast<std::size_t>(ProxyRefusal::count)> proxy_refusals;
  } counters;
  std::uint64_t accepted() const;
  std::uint64_t accept_errors() const;
  std::uint64_t accept_pauses() const;

 private:
  friend class HttpConnection;
  friend class HttpExchange;

  // A listening socket, and how what comes over it is to be read.
  struct Listener final : Acceptor::Sink {
    Listener(HttpServer& of, int listener, bool with_header)
        : server(of), acceptor(of.reactor_, listener, *this), proxied(with_header) {}
    void accepted(Descriptor fd, const SocketAddress& peer) override {
      server.accepted(fd, peer, proxied);
    }
    HttpServer& server;
    Acceptor acceptor;
    bool proxied;
  };

  std::uint64_t sum(Counter Acceptor::Counters::* which) const;
  std::string_view date();
  std::string_view new_request_id();  // until the next one
  // False if the client holds too many.
  bool take_place(const ClientAddress& client, ClientPlaces::Place& place);

  Reactor& reactor_;
  Admission& admission_;
  HttpHandler& handler_;
  HttpLimits limits_;
  Forwarding forwarding_;
  ClientPlaces* places_ = nullptr;
  std::uint32_t most_places_ = 0;
  std::vector<AddressRange> exempt_;
  HttpDateCache dates_;
  std::uint64_t last_request_id_;
  std::array<char, 16> request_id_;
  HeadCache heads_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  List<HttpConnection> connections_;
  std::size_t count_ = 0;
  std::uint32_t turning_away_ = 0;
  bool draining_ = false;
};

// For programs that only want a handler: serves on all cores until SIGINT or SIGTERM.
using HttpFunction = std::function<Task<void>(HttpExchange&)>;
Result<void> serve_http(const std::string& address, HttpFunction handler,
                        const HttpLimits& limits = {});

}  // namespace ringcast
