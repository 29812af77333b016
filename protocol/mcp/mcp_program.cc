#include "protocol/mcp/mcp_program.h"

#include "core/admission.h"
#include "net/program.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_http.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostCores = 1024;
constexpr std::uint32_t kMostConnections = 1'000'000;

// One core of the program.
class McpCoreServer final : public CoreServer, HttpHandler {
 public:
  McpCoreServer(Reactor& reactor, int listener, McpShared& shared, Admission& admission,
                const HttpLimits& limits)
      : endpoint_(reactor, shared, admission), http_(reactor, admission, *this, limits) {
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
    if (is_mcp_path(exchange.head().path)) {
      co_await serve_mcp_http(endpoint_, exchange);
    } else {
      exchange.refuse(404, "not_found", "There is nothing here; MCP is at /mcp.");
    }
  }

  McpEndpoint endpoint_;
  HttpServer http_;
};

}  // namespace

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
