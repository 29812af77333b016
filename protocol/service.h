// The service of one core: which request goes to which handler, and the core's configuration.
//
// Everything a handler needs hangs off here. One core only, except the counters.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "core/counter.h"
#include "core/scope.h"
#include "core/shard.h"
#include "net/http_server.h"
#include "net/websocket.h"
#include "protocol/server_state.h"
#include "protocol/ws_form.h"

namespace ringcast {

class AgentControl;
class DocumentSource;
class McpEndpoint;
class Rooms;
class TopicResources;
class WsPool;

class Service final : public HttpHandler {
 public:
  Service(Reactor& reactor, ServerState& state);
  ~Service();

  Task<void> handle(HttpExchange& exchange) override;
  void refused(int status) override { count_status(status); }

  // Takes a new configuration; only what may change while serving is looked at.
  void configure(std::shared_ptr<const Config> config);
  const Config& config() const { return *config_; }

  Shard& shard() { return shard_; }
  HttpServer& http() { return http_; }
  ServerState& state() { return state_; }
  Reactor& reactor() { return reactor_; }
  WsPool& websockets() { return *websockets_; }
  WsForms& forms() { return forms_; }
  // Of what is at home on this core.
  Rooms& rooms() { return *rooms_; }
  AgentControl& control() { return *control_; }
  McpEndpoint& mcp() { return *mcp_; }
  TopicResources& topic_resources() { return *topic_resources_; }
  DocumentSource* documents() { return documents_.get(); }  // null: no directories are offered
  // For a text that is made and given away at once.
  std::string& scratch() { return scratch_; }
  // Work that goes on beside the requests; cancelled and joined at the end of a drain.
  Scope& background() { return background_; }

  struct Counters {
    std::array<Counter, 6> responses;  // by the first digit of the status
    Counter publish_requests, publish_bytes, streams;
    Counter ws_open, ws_commands, ws_refusals, ws_violations;
    Histogram<11> request_seconds{
        {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1, 10}};
    // Of the driver, copied here now and then, because they are not for other cores to read.
    Counter submitted, enters, cq_overflows, buffers_out, buffers_total, direct_in_use, direct_max,
        buffer_waits;
  } counters;

 private:
  struct CopyTimer : Timer {
    explicit CopyTimer(Service& of) : Timer(copy), service(of) {}
    static void copy(Timer& timer);
    Service& service;
  };

  Task<void> route(HttpExchange& exchange);
  Task<void> route_features(HttpExchange& exchange, std::string_view path);
  Task<void> route_stream(HttpExchange& exchange, std::string_view path);
  Task<void> route_mcp(HttpExchange& exchange);
  void answer_health(HttpExchange& exchange, std::string_view path);
  Task<void> answer_topics(HttpExchange& exchange);
  bool answer_page(HttpExchange& exchange, std::string_view path);
  void answer_metrics(HttpExchange& exchange);
  void count_status(int status);

  Reactor& reactor_;
  ServerState& state_;
  std::shared_ptr<const Config> config_;
  Shard shard_;
  std::unique_ptr<WsPool> websockets_;
  WsForms forms_;
  std::unique_ptr<Rooms> rooms_;
  std::unique_ptr<AgentControl> control_;
  std::unique_ptr<McpEndpoint> mcp_;
  std::unique_ptr<TopicResources> topic_resources_;
  std::unique_ptr<DocumentSource> documents_;
  WebSocketOptions mcp_websocket_;
  std::string scratch_;
  HttpServer http_;
  Scope background_;
  CopyTimer copy_timer_;
};

// The options that a configuration means for the layers below.
HubOptions hub_options(const Config& config);
TopicTableOptions table_options(const Config& config, unsigned homes);
HttpLimits http_limits(const Config& config);

}  // namespace ringcast
