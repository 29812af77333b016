#include "net/http_server.h"

#include <algorithm>

#include "net/program.h"

namespace ringcast {

HttpServer::HttpServer(Reactor& reactor, Admission& admission, HttpHandler& handler,
                       const HttpLimits& limits)
    : reactor_(reactor), admission_(admission), handler_(handler), limits_(limits) {}

HttpServer::~HttpServer() { RINGCAST_CHECK(connections_.empty()); }

void HttpServer::listen(int listener) {
  acceptors_.push_back(std::make_unique<Acceptor>(reactor_, listener, *this));
  acceptors_.back()->start();
}

void HttpServer::accepted(Descriptor fd, const SocketAddress& peer) {
  const bool admitted = admission_.enter();
  auto* connection = new HttpConnection(*this, fd, peer, admitted);
  connections_.push_back(*connection);
  counters.connections.set(++count_);
  reactor_.spawn(HttpConnection::run(connection));
}

void HttpServer::stop_accepting() {
  for (const auto& acceptor : acceptors_) acceptor->stop();
}

void HttpServer::drain() {
  draining_ = true;
  connections_.for_each([](HttpConnection& connection) { connection.drain(); });
}

void HttpServer::abort_all() {
  connections_.for_each([](HttpConnection& connection) { connection.abort(); });
}

std::string_view HttpServer::date() { return dates_.at(reactor_.driver().wall_clock_ms() / 1000); }

std::uint64_t HttpServer::accepted() const {
  std::uint64_t sum = 0;
  for (const auto& acceptor : acceptors_) sum += acceptor->counters.accepted.get();
  return sum;
}

std::uint64_t HttpServer::accept_errors() const {
  std::uint64_t sum = 0;
  for (const auto& acceptor : acceptors_) sum += acceptor->counters.errors.get();
  return sum;
}

std::uint64_t HttpServer::accept_pauses() const {
  std::uint64_t sum = 0;
  for (const auto& acceptor : acceptors_) sum += acceptor->counters.paused.get();
  return sum;
}

bool HttpServer::finished() const {
  return count_ == 0 &&
         std::ranges::all_of(acceptors_, [](const auto& acceptor) { return acceptor->idle(); });
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
