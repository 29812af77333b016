#include "protocol/mcp/mcp_program.h"

#include <sched.h>

#include "core/admission.h"
#include "core/runtime.h"
#include "net/program.h"
#include "protocol/mcp/mcp_connection.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_http.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostCores = 1024;
constexpr std::uint32_t kMostConnections = 1'000'000;

// One of the CPUs that this process may use.
unsigned first_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  sched_getaffinity(0, sizeof cpus, &cpus);
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &cpus)) return cpu;
  }
  return 0;
}

// One core of the program.
class McpCoreServer final : public CoreServer, HttpHandler {
 public:
  McpCoreServer(Reactor& reactor, int listener, McpShared& shared, Admission& admission,
                const HttpLimits& limits)
      : websocket_options_(mcp_websocket_options({}, shared.options)),
        endpoint_(reactor, shared, admission),
        http_(reactor, admission, *this, limits) {
    http_.listen(listener);
  }

  void drain() override {
    http_.stop_accepting();
    http_.drain();
    endpoint_.drain();
  }
  void abort() override {
    endpoint_.abort();
    http_.abort_all();
  }
  bool finished() const override { return http_.finished() && endpoint_.finished(); }

 private:
  Task<void> handle(HttpExchange& exchange) override {
    const RequestHead& head = exchange.head();
    if (head.path == "/mcp" && is_mcp_websocket(head)) {
      co_await serve_mcp_websocket(endpoint_, exchange, websocket_options_);
    } else if (is_mcp_path(head.path)) {
      co_await serve_mcp_http(endpoint_, exchange);
    } else {
      exchange.refuse(404, "not_found", "There is nothing here; MCP is at /mcp.");
    }
  }

  WebSocketOptions websocket_options_;
  McpEndpoint endpoint_;
  HttpServer http_;
};

// Standard input and output on one core.
struct StdioCore {
  StdioCore(Reactor& on, McpShared& shared, Admission& admission)
      : reactor(on), endpoint(on, shared, admission), scope(on) {}

  static Task<void> run(StdioCore* self) {
    co_await serve_mcp_stdio(self->endpoint, self->scope);
    self->endpoint.abort();
    while (!self->endpoint.finished()) co_await Sleep(self->rest, 1'000'000);
    self->reactor.stop();
  }

  Reactor& reactor;
  McpEndpoint endpoint;
  Scope scope;
  Scope rest{reactor};
};

}  // namespace

Result<void> serve_mcp_stdio(const McpServer& server, const McpOptions& options) {
  if (server.error()) return std::unexpected(*server.error());
  auto runtime = Runtime::create({.cores = {first_cpu()}, .uring = {}});
  if (!runtime) return std::unexpected(std::move(runtime.error()));
  McpShared shared(server, options, 1);
  Admission admission(1);
  std::unique_ptr<StdioCore> core;
  return (*runtime)->run(
      [&](Reactor& reactor) {
        core = std::make_unique<StdioCore>(reactor, shared, admission);
        reactor.spawn(StdioCore::run(core.get()));
      },
      [&](Reactor&) { core.reset(); });
}

Result<void> serve_mcp(const std::string& address, const McpServer& server,
                       const McpOptions& options, const HttpLimits& limits) {
  if (server.error()) return std::unexpected(*server.error());
  McpShared shared(server, options, kMostCores);
  Admission admission(kMostConnections);
  return run_servers(address, [&](Reactor& reactor, int listener) {
    return std::make_unique<McpCoreServer>(reactor, listener, shared, admission, limits);
  });
}

}  // namespace ringcast
