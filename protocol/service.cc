#include "protocol/service.h"

#include <fmt/format.h>

#include <optional>

#include "core/topic_listing.h"
#include "core/topic_name.h"
#include "core/utf8.h"
#include "net/url.h"
#include "protocol/access.h"
#include "protocol/agent_control.h"
#include "protocol/document_source.h"
#include "protocol/event_tools.h"
#include "protocol/log.h"
#include "protocol/mcp/mcp_connection.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_http.h"
#include "protocol/metrics.h"
#include "protocol/publish.h"
#include "protocol/rooms.h"
#include "protocol/site_policy.h"
#include "protocol/sse.h"
#include "protocol/topics_json.h"
#include "protocol/ws_route.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

constexpr std::int64_t kCopyEveryNs = 100'000'000;
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kReadMethods = "GET, HEAD, OPTIONS";
constexpr std::string_view kWriteMethods = "POST, OPTIONS";
constexpr std::string_view kFeaturePrefix = "/api/features/";
constexpr std::string_view kConnected = "{\"type\":\"connected\"}";

// The streams with names of their own, and the topics behind them.
struct NamedStream {
  std::string_view prefix;
  std::string_view topic_prefix;
};
constexpr NamedStream kNamedStreams[] = {
    {"/api/stream/progress/", "progress."},
    {"/api/stream/quality/", "quality."},
    {"/api/stream/jobs/", "jobs."},
    {"/api/stream/upload/", "upload."},
};

bool reads(const RequestHead& head) {
  return head.method == Method::get || head.method == Method::head;
}

void refuse_method(HttpExchange& exchange, std::string_view allowed) {
  exchange.refuse(405, "method_not_allowed", fmt::format("Methods here: {}.", allowed),
                  {{"Allow", allowed}});
}

Task<void> none() { co_return; }

constexpr std::size_t kPieceOfTopics = 16 << 10;
constexpr std::int64_t kNsPerMs = 1'000'000;

bool is_publish_path(std::string_view path) {
  return path == "/api/events" || path.starts_with("/api/events/");
}

}  // namespace

Service::Service(Reactor& reactor, ServerState& state)
    : reactor_(reactor),
      state_(state),
      config_(state.config),
      sites_(*config_),
      authenticator_(&state.proved_tokens),
      review_(*this),
      standings_(reactor, [this](const PrincipalPtr& who) { return review_.renew(who); }),
      limits_(state.limits, *config_),
      resource_(state.mcp_server),
      shard_(reactor, state.fabric, state.admission, hub_options(*config_),
             table_options(*config_, state.fabric.homes())),
      websockets_(std::make_unique<WsPool>()),
      rooms_(std::make_unique<Rooms>(state.open_rooms)),
      control_(std::make_unique<AgentControl>(*this)),
      mcp_(std::make_unique<McpEndpoint>(reactor, state.mcp, state.admission)),
      topic_resources_(std::make_unique<TopicResources>(*this)),
      mcp_websocket_(mcp_websocket_options({}, state.mcp.options)),
      http_(reactor, state.admission, *this, http_limits(*config_)),
      background_(reactor),
      copy_timer_(*this) {
  state_.services[reactor.core()] = this;
  limit_bytes();
  authenticator_.configure(config_->auth, state.access);
  resource_.configure(state.access);
  mcp_->set_host(this);
  http_.set_forwarding(forwarding(*config_));
  http_.set_client_limit(state.limits.connections, config_->limits.max_connections_per_client,
                         limits_.exempt_ranges());
  mcp_->add_source(*topic_resources_);
  if (state.library) {
    documents_ = std::make_unique<DocumentSource>(*state.library);
    mcp_->add_source(*documents_);
  }
  if (shard_.topics() != nullptr) shard_.topics()->set_observer(control_.get());
  reactor_.timers().arm(copy_timer_, reactor_.now_ns() + kCopyEveryNs);
}

Service::~Service() = default;

void Service::CopyTimer::copy(Timer& timer) {
  Service& service = static_cast<CopyTimer&>(timer).service;
  const Driver::Counters now = service.reactor_.driver().counters();
  Counters& to = service.counters;
  to.submitted.set(now.submitted);
  to.enters.set(now.enters);
  to.cq_overflows.set(now.cq_overflows);
  to.buffers_out.set(now.buffers_out);
  to.buffer_bytes.set(Buffer::held_bytes());
  to.buffers_total.set(now.buffers_total);
  to.direct_in_use.set(service.reactor_.direct_descriptors());
  to.direct_max.set(now.direct_descriptors_max);
  to.buffer_waits.set(service.reactor_.buffer_waits());
  service.reactor_.timers().arm(timer, service.reactor_.now_ns() + kCopyEveryNs);
}

void Service::configure(std::shared_ptr<const Config> config,
                        std::shared_ptr<const Access> access) {
  config_ = std::move(config);
  sites_ = SitePolicy(*config_);
  limits_.configure(*config_);
  resource_.configure(access);
  authenticator_.configure(config_->auth, std::move(access));
  shard_.configure(hub_options(*config_), table_options(*config_, state_.fabric.homes()));
  http_.set_limits(http_limits(*config_));
  limit_bytes();
  http_.set_forwarding(forwarding(*config_));
  http_.set_client_limit(state_.limits.connections, config_->limits.max_connections_per_client,
                         limits_.exempt_ranges());
  state_.admission.set_most(config_->limits.max_connections);
  review_.begin();
}

// What bounds bytes beyond HTTP as well.
void Service::limit_bytes() {
  Buffer::set_most_held(buffer_memory(*config_) / state_.services.size());
  mcp_websocket_.receive_bytes_per_s = config_->limits.receive_bytes_per_s;
  mcp_websocket_.least_pace = {config_->limits.body_timeout_ms,
                               config_->limits.min_body_bytes_per_s};
}

void Service::refuse(HttpExchange& exchange, const AccessRefusal& refusal) const {
  if (refusal.challenge.empty()) {
    exchange.refuse(refusal.status, refusal.code, refusal.message, {{"Retry-After", "5"}});
    return;
  }
  const std::string with = challenge_of(exchange, refusal.challenge);
  exchange.refuse(refusal.status, refusal.code, refusal.message, {{"WWW-Authenticate", with}});
}

std::string Service::challenge_of(const HttpExchange& exchange, std::string said) const {
  return resource_.challenge(exchange, std::move(said));
}

std::string Service::challenge(const HttpExchange& exchange, std::string_view scope) {
  return challenge_of(exchange, scope.empty() ? ended_access() : insufficient_scope(scope));
}

bool Service::refuse_stream(HttpExchange& exchange, ClientPlaces::Place& place) {
  return limits_.refuse_stream(exchange, place);
}

bool Service::too_many_sessions(const HttpExchange& exchange, std::uint32_t most,
                                ClientPlaces::Place& place) {
  return !limits_.take_session(exchange.client(), most, place);
}

std::uint64_t Service::wait_for_message_ms(const ClientAddress& client, const Principal& who) {
  if (!state_.features.on(Feature::stream_rate_limiting)) return 0;
  return limits_.take_message(client, who, reactor_.now_ns());
}

PrincipalPtr Service::identify_or_refuse(HttpExchange& exchange) {
  const bool limited = state_.features.on(Feature::stream_rate_limiting);
  const std::int64_t now_ns = reactor_.now_ns();
  // Whoever was wrong too often gets no further signature checked, nor does whoever need not bring
  // anything and has asked too often.
  const bool asked = state_.features.on(Feature::stream_authentication);
  const auto may_verify = [&] {
    return !limited || (limits_.may_fail(exchange.client(), now_ns) &&
                        (asked || limits_.may_ask(exchange.client(), now_ns)));
  };
  const std::int64_t now_ms = reactor_.driver().wall_clock_ms();
  // As a rule what is brought has been proved before, and nothing else need be asked.
  Identification how{
      .required = asked,
      .cookies = !authenticator_.cookie().empty() && sites_.may_use_cookies(exchange),
      .may_verify = (!asked || !authenticator_.required()) && may_verify()};
  auto who = identify(exchange, authenticator_, now_ms, how);
  if (!who && who.error().code == "not_verified" && may_verify()) {
    how.may_verify = true;
    who = identify(exchange, authenticator_, now_ms, how);
  }
  const bool failed = !who && who.error().failed;
  const bool refused =
      limited && (failed ? limits_.refuse_failure(exchange, now_ns)
                         : limits_.refuse_request(exchange, who ? who->get() : nullptr, now_ns));
  if (refused) return nullptr;
  if (who) return std::move(*who);
  if (who.error().code == "unknown_signer" && state_.want_keys) state_.want_keys();
  refuse(exchange, who.error());
  return nullptr;
}

void Service::count_status(int status) {
  const auto index = static_cast<std::size_t>(status / 100);
  if (index < counters.responses.size()) counters.responses[index].add();
}

void Service::proxy_refused(ProxyRefusal reason, const ClientAddress& peer) {
  ClientAddress::TextBuffer client;
  log_warn("PROXY header refused",
           {{"client_ip", peer.text(client)}, {"reason", proxy_refusal_name(reason)}});
}

Task<void> Service::handle(HttpExchange& exchange) {
  const std::int64_t started = reactor_.driver().now_ns();
  if (!sites_.refuse_or_mark(exchange)) co_await route(exchange);
  count_status(exchange.status());
  const std::int64_t took_ns = reactor_.driver().now_ns() - started;
  if (!exchange.taken()) counters.request_seconds.observe(static_cast<double>(took_ns) / 1e9);
  log_request(exchange, took_ns);
}

void Service::refused(const HttpExchange& exchange) {
  count_status(exchange.status());
  log_request(exchange, 0);
}

// Null: it brought nothing, or nothing that has been proved; no signature is checked for a line of
// the log.
PrincipalPtr Service::proved_sender(const HttpExchange& exchange) {
  if (!exchange.has_head()) return nullptr;
  const Identification how{.cookies = sites_.may_use_cookies(exchange), .may_verify = false};
  auto who = identify(exchange, authenticator_, reactor_.driver().wall_clock_ms(), how);
  return who && (*who)->proved ? std::move(*who) : nullptr;
}

// Those that were refused, and at debug level all. A flood of them is counted, not written.
void Service::log_request(const HttpExchange& exchange, std::int64_t took_ns) {
  const int status = exchange.status();
  LogLevel level = status >= 500 ? LogLevel::kWarn : LogLevel::kInfo;
  if (status < 400 || status == 499) level = LogLevel::kDebug;
  if (!log_enabled(level)) return;
  const PrincipalPtr who = proved_sender(exchange);
  ClientAddress::TextBuffer client;
  log(level, status < 400 ? "request" : "request refused",
      {{"request_id", exchange.request_id()},
       {"client_ip", exchange.client().text(client)},
       {"principal", who ? std::string_view(who->name) : ""},
       {"method", exchange.has_head() ? exchange.head().method_text : ""},
       {"path", exchange.has_head() ? exchange.head().path : ""},
       {"status", status},
       {"error", exchange.error_code()},
       {"duration_us", took_ns / 1000}});
}

Task<void> Service::route(HttpExchange& exchange) {
  const RequestHead& head = exchange.head();
  const std::string_view path = head.path;
  if (head.method == Method::options) {
    answer_options(exchange, is_mcp_path(path)       ? kMcpMethods
                             : is_publish_path(path) ? kWriteMethods
                                                     : kReadMethods);
    co_return;
  }
  if (is_publish_path(path)) {
    if (head.method != Method::post) {
      refuse_method(exchange, kWriteMethods);
    } else if (path == "/api/events" || path == "/api/events/") {
      co_await publish_batch(*this, exchange);
    } else {
      co_await publish_to_topic(*this, exchange,
                                path.substr(std::string_view("/api/events/").size()));
    }
    co_return;
  }
  if (is_websocket_path(path)) {
    co_await serve_websocket(*this, exchange);
    co_return;
  }
  if (is_mcp_path(path)) {
    co_await route_mcp(exchange);
    co_return;
  }
  if (ProtectedResource::is_path(path)) {
    reads(head) ? resource_.answer(exchange) : refuse_method(exchange, kReadMethods);
    co_return;
  }
  if (path == "/api/features" || path.starts_with(kFeaturePrefix)) {
    co_await route_features(exchange, path);
    co_return;
  }
  const bool known = path == "/events" || path.starts_with("/api/stream/") ||
                     path == "/api/chat/sse" || path == "/api/topics" || path == "/health" ||
                     path == "/ready" || path == "/metrics";
  if (known && !reads(head)) {
    refuse_method(exchange, kReadMethods);
  } else if (path == "/events") {
    co_await serve_events(*this, exchange);
  } else if (path.starts_with("/api/stream/") || path == "/api/chat/sse") {
    co_await route_stream(exchange, path);
  } else if (path == "/api/topics") {
    co_await answer_topics(exchange);
  } else if (path == "/health" || path == "/ready") {
    answer_health(exchange, path);
  } else if (path == "/metrics") {
    co_await answer_metrics(exchange);
  } else if (!answer_page(exchange, path)) {
    exchange.refuse(404, "not_found", "There is nothing here.");
  }
}

Task<void> Service::route_mcp(HttpExchange& exchange) {
  if (!state_.features.on(Feature::mcp)) {
    exchange.refuse(501, "mcp_disabled", "The Model Context Protocol is switched off.");
    return none();
  }
  const PrincipalPtr who = identify_or_refuse(exchange);
  if (who == nullptr) return none();
  if (!who->grants.allows_some(Action::tools)) {
    refuse(exchange, *refusal_of(*who, Action::tools, "*"));
    return none();
  }
  if (exchange.head().path == "/mcp" && is_mcp_websocket(exchange.head())) {
    return serve_mcp_websocket(*mcp_, exchange, mcp_websocket_, who);
  }
  return serve_mcp_http(*mcp_, exchange, who);
}

Task<void> Service::route_stream(HttpExchange& exchange, std::string_view path) {
  if (path == "/api/stream/metrics") {
    co_await serve_topic(*this, exchange, "metrics");
    co_return;
  }
  if (path == "/api/chat/sse") {
    const auto id = query_value(exchange.head().query, "messageId");
    if (!id || id->empty()) {
      exchange.refuse(400, "missing_message_id", "Name the message: ?messageId=ID.");
      co_return;
    }
    co_await serve_topic(*this, exchange, "chat." + *id, kConnected);
    co_return;
  }
  for (const NamedStream& stream : kNamedStreams) {
    if (!path.starts_with(stream.prefix)) continue;
    const std::string_view raw = path.substr(stream.prefix.size());
    std::string decoded(raw.size() + 1, '\0');
    const auto id = percent_decode(raw, decoded);
    if (!id || id->empty()) {
      exchange.refuse(400, "bad_topic", "The stream's id is missing or malformed.");
      co_return;
    }
    co_await serve_topic(*this, exchange, std::string(stream.topic_prefix).append(*id));
    co_return;
  }
  exchange.refuse(404, "not_found", "Streams are progress, quality, metrics, jobs and upload.");
}

// GET lists what can be switched; POST to a feature of `{"enabled":true}` switches it.
void Service::switch_feature(Feature feature, bool on, const ClientAddress& client,
                             const Principal& who) {
  state_.features.set(feature, on);
  ClientAddress::TextBuffer text;
  log_warn("feature switched", {{"feature", feature_name(feature)},
                                {"enabled", on},
                                {"client_ip", client.text(text)},
                                {"principal", who.proved ? std::string_view(who.name) : ""}});
}

Task<void> Service::route_features(HttpExchange& exchange, std::string_view path) {
  const bool list = path == "/api/features";
  if (list ? !reads(exchange.head()) : exchange.head().method != Method::post) {
    refuse_method(exchange, list ? kReadMethods : kWriteMethods);
    co_return;
  }
  const PrincipalPtr who = identify_or_refuse(exchange);
  if (who == nullptr) co_return;
  if (const auto refusal = refusal_to_administer(*who)) {
    refuse(exchange, *refusal);
    co_return;
  }
  if (!list) {
    const auto feature = find_feature(path.substr(kFeaturePrefix.size()));
    if (!feature) {
      exchange.refuse(404, "unknown_feature",
                      "There is no such feature; GET /api/features lists them.");
      co_return;
    }
    const auto body = co_await exchange.body(config_->limits.max_event_bytes);
    if (!body) {
      exchange.refuse(body.error());
      co_return;
    }
    WsCommandParser parser;
    WsCommand command;
    const bool read = is_valid_utf8(*body) && parser.parse(*body, false, command);
    if (!read || !command.enabled) {
      exchange.refuse(400, "bad_feature", "The body is {\"enabled\":true} or {\"enabled\":false}.");
      co_return;
    }
    switch_feature(*feature, *command.enabled, exchange.client(), *who);
  }
  exchange.respond(200, kJson, "{\"features\":" + state_.features.json() + "}\n",
                   {{"Cache-Control", "no-store"}});
}

// HAProxy takes 503 for a server that is down, and 404, where it is told so (disable-on-404), for
// one that serves what it has and takes nothing new: /ready?drain=404.
void Service::answer_health(HttpExchange& exchange, std::string_view path) {
  const auto drain = query_value(exchange.head().query, "drain");
  if (drain && *drain != "404" && *drain != "503") {
    exchange.refuse(400, "bad_drain", "`drain` is the status while draining: 404 or 503.");
    return;
  }
  const bool ready = state_.ready();
  const bool ok = path == "/health" || ready;
  const bool leaving = state_.phase.load(std::memory_order_relaxed) != Phase::starting;
  const int away = drain == "404" && leaving ? 404 : 503;
  const std::int64_t uptime_s = (reactor_.driver().wall_clock_ms() - state_.started_ms) / 1000;
  exchange.respond(
      ok ? 200 : away, kJson,
      fmt::format("{{\"status\":\"{}\",\"version\":\"{}\",\"uptime_s\":{},"
                  "\"connections\":{}}}\n",
                  ready ? "ok" : "draining", state_.version, uptime_s, state_.admission.open()),
      {{"Cache-Control", "no-store"}});
}

// Those that may be subscribed to.
Task<void> Service::answer_topics(HttpExchange& exchange) {
  const PrincipalPtr who = identify_or_refuse(exchange);
  if (who == nullptr) co_return;
  exchange.add_header("Cache-Control", "no-store");
  TopicListing listing(shard_);
  std::string text = R"({"topics":[)";
  bool streaming = false;  // a short list is sent as a whole
  const std::int64_t begin_ns = reactor_.now_ns();
  const auto limit_ms = static_cast<std::int64_t>(config_->limits.send_timeout_ms);
  for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
    for (const TopicInfo& topic : some) {
      if (!who->grants.allows(Action::subscribe, topic.name)) continue;
      append_topic(text, topic, state_.fabric.ids);
    }
    if (text.size() < kPieceOfTopics) continue;
    if (!std::exchange(streaming, true) && !co_await exchange.start_stream(200, kJson)) co_return;
    if (!co_await exchange.write(text)) co_return;
    // Whoever reads slowly holds all that is left of the list.
    if (limit_ms != 0 && reactor_.now_ns() - begin_ns > limit_ms * kNsPerMs) {
      exchange.close_after();
      co_return;
    }
    text = ",";
  }
  if (text == ",") text.clear();
  text += "]}\n";
  if (!streaming) {
    exchange.respond(200, kJson, text);
  } else if (co_await exchange.write(text)) {
    co_await exchange.finish_stream();
  }
}

bool Service::answer_page(HttpExchange& exchange, std::string_view path) {
  for (const Page& page : state_.pages) {
    if (page.path != path) continue;
    if (!reads(exchange.head())) {
      refuse_method(exchange, kReadMethods);
      return true;
    }
    exchange.respond(200, page.content_type, page.body,
                     {{"Cache-Control", "no-cache"},
                      {"Content-Security-Policy", "default-src 'self'"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"}});
    return true;
  }
  return false;
}

Task<void> Service::answer_metrics(HttpExchange& exchange) {
  if (!state_.features.on(Feature::stream_monitoring)) {
    exchange.refuse(501, "monitoring_disabled", "Monitoring is switched off.");
    co_return;
  }
  const std::string text = co_await prometheus_text(*this);
  exchange.respond(200, "text/plain; version=0.0.4; charset=utf-8", text,
                   {{"Cache-Control", "no-store"}});
}

}  // namespace ringcast
