// What the cores of one server share: configuration at start, readiness, statistics to be summed
// up.
//
// Who owns what: built before the cores run, destroyed after. The vectors are filled, one entry a
// core, before any core runs; after that only the atomics change, and what has a lock of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/admission.h"
#include "core/counter.h"
#include "core/driver.h"
#include "core/fabric.h"
#include "protocol/auth/proved_tokens.h"
#include "protocol/client_limits.h"
#include "protocol/config.h"
#include "protocol/features.h"
#include "protocol/mcp/mcp_options.h"
#include "protocol/mcp/mcp_server.h"

namespace ringcast {

class DocumentLibrary;
struct Access;
class Service;

// A file of the page at `/`, compiled into the program.
struct Page {
  std::string_view path;
  std::string_view content_type;
  std::string_view body;
};

enum class Phase : std::uint8_t { starting, serving, leaving, draining };

McpOptions mcp_options(const Config& config);

struct ServerState {
  ServerState(Config start_config, EventIds ids, std::size_t cores, std::string version_text = {})
      : config(std::make_shared<const Config>(std::move(start_config))),
        fabric(std::move(ids), cores),
        admission(config->limits.max_connections),
        features(*config),
        limits(*config),
        services(cores),
        mcp_server({.name = "ringcast", .version = std::move(version_text)}),
        mcp(mcp_server, mcp_options(*config), cores),
        version(mcp_server.info().version) {}

  std::shared_ptr<const Config> config;  // as of the start
  std::shared_ptr<const Access> access;  // likewise; null without an access file
  Fabric fabric;
  Admission admission;
  Features features;
  SharedLimits limits;
  std::vector<Service*> services;
  McpServer mcp_server;  // tools are registered before any core runs
  McpShared mcp;
  ProvedTokens proved_tokens;
  std::function<void()> want_keys;  // when a token's key is not known; null: nobody is asked
  std::shared_ptr<DocumentLibrary> library;  // null: no directories are offered
  std::vector<Page> pages;
  std::string version;
  std::int64_t started_ms = 0;               // since 1970
  std::atomic<std::uint64_t> open_rooms{0};  // with somebody in them
  std::atomic<std::uint64_t> agent_checks{0}, agent_checks_refused{0};
  std::atomic<std::uint64_t> failed_handovers{0};
  std::atomic<Phase> phase{Phase::starting};

  bool ready() const { return phase.load(std::memory_order_relaxed) == Phase::serving; }
  bool draining() const { return phase.load(std::memory_order_relaxed) == Phase::draining; }
};

}  // namespace ringcast
