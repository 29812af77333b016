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
#include "protocol/access_review.h"
#include "protocol/auth/authenticator.h"
#include "protocol/event_reader.h"
#include "protocol/lines_form.h"
#include "protocol/mcp/mcp_host.h"
#include "protocol/protected_resource.h"
#include "protocol/server_state.h"
#include "protocol/site_policy.h"
#include "protocol/ws_form.h"

namespace ringcast {

struct AccessRefusal;

class AgentControl;
class DocumentSource;
class McpEndpoint;
class Rooms;
class TopicResources;
class WsPool;

class Service final : public HttpHandler, McpHost {
 public:
  Service(Reactor& reactor, ServerState& state);
  ~Service() override;

  Task<void> handle(HttpExchange& exchange) override;
  void refused(const HttpExchange& exchange) override;
  void proxy_refused(ProxyRefusal reason, const ClientAddress& peer) override;

  // Takes a new configuration; only what may change while serving is looked at.
  void configure(std::shared_ptr<const Config> config, std::shared_ptr<const Access> access);
  const Config& config() const { return *config_; }

  Shard& shard() { return shard_; }
  HttpServer& http() { return http_; }
  // Who sent a request, which counts for whoever that is; null if it was refused already.
  PrincipalPtr identify_or_refuse(HttpExchange& exchange);
  // On all cores, and it is logged whose doing that was.
  void switch_feature(Feature feature, bool on, const ClientAddress& client, const Principal& who);
  // 401 or 403, and where a token is to be had.
  void refuse(HttpExchange& exchange, const AccessRefusal& refusal) const;
  // The challenge with where a token is to be had.
  std::string challenge_of(const HttpExchange& exchange, std::string said) const;
  ClientLimits& limits() { return limits_; }
  Standings& standings() override { return standings_; }
  // Counts what is said on a channel that is open: after how many ms it may be said again; 0: now.
  std::uint64_t wait_for_message_ms(const ClientAddress& client, const Principal& who) override;
  const Authenticator& authenticator() const { return authenticator_; }
  AccessReview& review() { return review_; }
  ServerState& state() { return state_; }
  Reactor& reactor() { return reactor_; }
  WsPool& websockets() { return *websockets_; }
  WsForms& forms() { return forms_; }
  LinesForms& line_forms() { return line_forms_; }
  // Of what is at home on this core.
  Rooms& rooms() { return *rooms_; }
  AgentControl& control() { return *control_; }
  McpEndpoint& mcp() { return *mcp_; }
  TopicResources& topic_resources() { return *topic_resources_; }
  DocumentSource* documents() { return documents_.get(); }  // null: no directories are offered
  // For all batches under way.
  EventReader& event_reader() { return event_reader_; }
  // For a text that is made and given away at once.
  std::string& scratch() { return scratch_; }
  // Work that goes on beside the requests; cancelled and joined at the end of a drain.
  Scope& background() { return background_; }

  struct Counters {
    std::array<Counter, 6> responses;  // by the first digit of the status
    Counter publish_requests, publish_bytes, streams;
    Counter ws_open, ws_commands, ws_refusals, ws_violations, ws_deferred;
    Histogram<11> request_seconds{
        {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1, 10}};
    // Of the driver, copied here now and then, because they are not for other cores to read.
    Counter buffer_bytes;
    Counter submitted, enters, cq_overflows, buffers_out, buffers_total, direct_in_use, direct_max,
        buffer_waits;
  } counters;

 private:
  void limit_bytes();
  // For MCP.
  std::string challenge(const HttpExchange& exchange, std::string_view scope) override;
  bool refuse_stream(HttpExchange& exchange, ClientPlaces::Place& place) override;
  bool too_many_sessions(const HttpExchange& exchange, std::uint32_t most,
                         ClientPlaces::Place& place) override;

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
  Task<void> answer_metrics(HttpExchange& exchange);
  void count_status(int status);
  void log_request(const HttpExchange& exchange, std::int64_t took_ns);
  PrincipalPtr proved_sender(const HttpExchange& exchange);

  Reactor& reactor_;
  ServerState& state_;
  std::shared_ptr<const Config> config_;
  SitePolicy sites_;
  Authenticator authenticator_;
  AccessReview review_;
  Standings standings_;
  ClientLimits limits_;
  ProtectedResource resource_;
  Shard shard_;
  std::unique_ptr<WsPool> websockets_;
  WsForms forms_;
  LinesForms line_forms_;
  std::unique_ptr<Rooms> rooms_;
  std::unique_ptr<AgentControl> control_;
  std::unique_ptr<McpEndpoint> mcp_;
  std::unique_ptr<TopicResources> topic_resources_;
  std::unique_ptr<DocumentSource> documents_;
  WebSocketOptions mcp_websocket_;
  EventReader event_reader_;
  std::string scratch_;
  HttpServer http_;
  Scope background_;
  CopyTimer copy_timer_;
};

// The options that a configuration means for the layers below.
HubOptions hub_options(const Config& config);
TopicTableOptions table_options(const Config& config, unsigned homes);
HttpLimits http_limits(const Config& config);
std::uint64_t buffer_memory(const Config& config);
Forwarding forwarding(const Config& config);

}  // namespace ringcast
