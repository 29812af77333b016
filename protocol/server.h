// The server: all cores, from start to the end of a drain.
//
//   start   every core gets its reactor, its service and its listeners; if one fails, none runs
//   SIGTERM, SIGINT   drain: readiness off, after drain.delay_ms no new connections and publishes,
//           streams end once they have everything, idle connections end, answers at hand finish;
//           at the latest after drain.timeout_ms everything is closed. A second one closes at once.
//   SIGHUP  reload: what may change while serving is applied on every core, the rest is named
//   SIGUSR2 starts this program anew, to take over (protocol/handover.h); then drain, but with all
//           the time that drain.streams_per_s asks for
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/result.h"
#include "protocol/config.h"
#include "protocol/server_state.h"

namespace ringcast {

struct ServerOptions {
  Config config;
  std::vector<Page> pages;
  std::string version;
  // Reads the configuration anew, for SIGHUP.
  std::function<Result<Config>()> reload;
  // One client of MCP on standard input and output; the server drains when the input ends.
  bool mcp_on_stdio = false;
  // Takes over from the process at handover.socket, if there is one.
  bool takeover = false;
};

// Serves until a signal ends it. Errors are those of the start.
Result<void> run_server(ServerOptions options);

}  // namespace ringcast
