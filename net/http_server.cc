#include "net/http_server.h"

#include <fmt/format.h>
#include <signal.h>

#include <thread>

#include "core/runtime.h"

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

namespace {

struct FunctionHandler final : HttpHandler {
  explicit FunctionHandler(HttpFunction& to_call) : function(to_call) {}
  Task<void> handle(HttpExchange& exchange) override { return function(exchange); }
  HttpFunction& function;
};

}  // namespace

Result<void> serve_http(const std::string& text, HttpFunction function, const HttpLimits& limits) {
  auto address = parse_address(text);
  if (!address) return std::unexpected(address.error());
  if (auto open = check_free(*address); !open) return open;
  auto runtime = Runtime::create({});
  if (!runtime) return std::unexpected(runtime.error());
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::thread([&ends, &runtime] {
    int signal = 0;
    sigwait(&ends, &signal);
    (*runtime)->stop();
  }).detach();
  Admission admission(1'000'000);
  FunctionHandler handler(function);
  std::vector<std::unique_ptr<HttpServer>> servers((*runtime)->cores());
  std::vector<int> listeners;
  for (std::size_t core = 0; core < servers.size(); ++core) {
    auto listener = open_listener(*address, servers.size() > 1);
    if (!listener) return std::unexpected(listener.error());
    listeners.push_back(*listener);
  }
  fmt::print(stderr, "listening on {}\n", address_text(*address));
  return (*runtime)->run([&](Reactor& reactor) {
    auto& server = servers[reactor.core()];
    server = std::make_unique<HttpServer>(reactor, admission, handler, limits);
    server->listen(listeners[reactor.core()]);
  });
}

}  // namespace ringcast
