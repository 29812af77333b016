#include "net/http_server.h"

#include <sys/random.h>

#include <algorithm>

#include "net/program.h"

namespace ringcast {

HttpServer::HttpServer(Reactor& reactor, Admission& admission, HttpHandler& handler,
                       const HttpLimits& limits)
    : reactor_(reactor), admission_(admission), handler_(handler), limits_(limits) {
  // So that ids of two cores, or of two servers behind one proxy, are not alike.
  RINGCAST_CHECK(getrandom(&last_request_id_, sizeof last_request_id_, 0) ==
                 sizeof last_request_id_);
}

HttpServer::~HttpServer() { RINGCAST_CHECK(connections_.empty()); }

void HttpServer::listen(int listener, bool proxied) {
  listeners_.push_back(std::make_unique<Listener>(*this, listener, proxied));
  set_send_rate(listener, limits_.send_bytes_per_s);
  listeners_.back()->acceptor.start();
}

// Of what is open, sending keeps the rate it had.
void HttpServer::set_limits(const HttpLimits& limits) {
  const bool send_rate_changes = limits.send_bytes_per_s != limits_.send_bytes_per_s;
  limits_ = limits;
  heads_.clear();
  if (!send_rate_changes) return;
  for (const auto& listener : listeners_) {
    set_send_rate(listener->acceptor.listener(), limits_.send_bytes_per_s);
  }
}

void HttpServer::accepted(Descriptor fd, const SocketAddress& peer, bool proxied) {
  const bool admitted = admission_.enter();
  auto* connection = new HttpConnection(*this, fd, peer, admitted, proxied);
  connections_.push_back(*connection);
  counters.connections.set(++count_);
  reactor_.spawn(HttpConnection::run(connection));
}

void HttpServer::set_client_limit(ClientPlaces& places, std::uint32_t most,
                                  std::vector<AddressRange> exempt) {
  places_ = &places;
  most_places_ = most;
  exempt_ = std::move(exempt);
}

bool HttpServer::take_place(const ClientAddress& client, ClientPlaces::Place& place) {
  if (places_ == nullptr || most_places_ == 0 || forwarding_.trusts(client)) return true;
  for (const AddressRange& range : exempt_) {
    if (range.contains(client)) return true;
  }
  place = places_->take(client.prefix64().bytes, most_places_);
  return place != nullptr;
}

void HttpServer::stop_accepting(std::span<const int> kept) {
  for (const auto& listener : listeners_) {
    listener->acceptor.stop(std::ranges::find(kept, listener->acceptor.listener()) != kept.end());
  }
}

void HttpServer::drain() {
  draining_ = true;
  connections_.for_each([](HttpConnection& connection) { connection.drain(); });
}

void HttpServer::abort_all() {
  connections_.for_each([](HttpConnection& connection) { connection.abort(); });
}

std::string_view HttpServer::new_request_id() {
  // Whoever sees some of them does not learn how many there are between.
  std::uint64_t mixed = ++last_request_id_ * 0x9e3779b97f4a7c15U;
  mixed ^= mixed >> 32;
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (char& digit : request_id_) {
    digit = kDigits[mixed & 15U];
    mixed >>= 4;
  }
  return {request_id_.data(), request_id_.size()};
}

std::string_view HttpServer::date() { return dates_.at(reactor_.driver().wall_clock_ms() / 1000); }

std::uint64_t HttpServer::sum(Counter Acceptor::Counters::* which) const {
  std::uint64_t total = 0;
  for (const auto& listener : listeners_) total += (listener->acceptor.counters.*which).get();
  return total;
}

std::uint64_t HttpServer::accepted() const { return sum(&Acceptor::Counters::accepted); }

std::uint64_t HttpServer::accept_errors() const { return sum(&Acceptor::Counters::errors); }

std::uint64_t HttpServer::accept_pauses() const { return sum(&Acceptor::Counters::paused); }

bool HttpServer::finished() const {
  return count_ == 0 && std::ranges::all_of(listeners_, [](const auto& listener) {
           return listener->acceptor.idle();
         });
}

namespace {

// Serves one core of a program that is nothing but a handler.
class FunctionServer final : public CoreServer, public HttpHandler {
 public:
  FunctionServer(Reactor& reactor, int listener, Admission& admission, const HttpFunction& function,
                 const HttpLimits& limits)
      : function_(function), server_(reactor, admission, *this, limits) {
    server_.listen(listener);
  }
  Task<void> handle(HttpExchange& exchange) override { return function_(exchange); }
  void drain() override {
    server_.stop_accepting();
    server_.drain();
  }
  void abort() override { server_.abort_all(); }
  bool finished() const override { return server_.finished(); }

 private:
  const HttpFunction& function_;
  HttpServer server_;
};

}  // namespace

Result<void> serve_http(const std::string& address, HttpFunction function,
                        const HttpLimits& limits) {
  Admission admission(1'000'000);
  return run_servers(address, [&](Reactor& reactor, int listener) {
    return std::make_unique<FunctionServer>(reactor, listener, admission, function, limits);
  });
}

}  // namespace ringcast
