#include "protocol/ws_route.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>

#include "net/url.h"
#include "net/websocket_handshake.h"
#include "protocol/access.h"
#include "protocol/log.h"
#include "protocol/session_path.h"
#include "protocol/sse_request.h"
#include "protocol/ws_form.h"
#include "protocol/ws_rooms.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

constexpr std::string_view kSubprotocols[] = {"ringcast"};

struct Target {
  WsRoute route = WsRoute::stream;
  std::string name;         // decoded
  std::string topic;        // that the path stands for; may be a pattern
  std::string_view wanted;  // what the path names, for messages
};

struct Prefix {
  std::string_view path;
  WsRoute route;
  std::string_view topic;
};
// The longer before the shorter.
constexpr Prefix kNamed[] = {
    {"/ws/process/", WsRoute::stream, "progress."},
    {"/ws/agent/", WsRoute::agent, ""},
    {"/ws/", WsRoute::stream, "client."},
};

// Nothing if the path is none of ours or its name is malformed.
std::optional<Target> read_target(const RequestHead& head) {
  const std::string_view path = head.path;
  Target target;
  if (path == "/ws" || path == "/ws/") return target;
  if (path == "/ws/jobs") {
    const auto job = query_value(head.query, "job_id");
    target.topic = job ? "jobs." + *job : "jobs.*";
    return target;
  }
  if (path == "/ws/admin") {
    target.route = WsRoute::admin;
    return target;
  }
  if (path == "/ws/collab" || path == "/ws/collaborative") {
    target.route = WsRoute::rooms;
    return target;
  }
  for (const Prefix& prefix : kNamed) {
    // A path that lacks its session is no client of that name.
    if (path == prefix.path.substr(0, prefix.path.size() - 1)) return {};
    if (!path.starts_with(prefix.path)) continue;
    const std::string_view raw = path.substr(prefix.path.size());
    std::string decoded(raw.size() + 1, '\0');
    const auto name = percent_decode(raw, decoded);
    if (!name || name->empty() || name->find_first_of("/*") != std::string_view::npos) return {};
    target.route = prefix.route;
    target.name = *name;
    if (!prefix.topic.empty()) target.topic = std::string(prefix.topic).append(*name);
    return target;
  }
  return {};
}

// Nothing was refused if it returns true.
bool refuse_early(Service& service, HttpExchange& exchange, const std::optional<Target>& target) {
  if (!service.state().features.on(Feature::websocket_streaming)) {
    exchange.refuse(501, "websocket_disabled", "WebSockets are switched off.");
    return true;
  }
  if (!target) {
    exchange.refuse(404, "not_found",
                    "WebSockets are at /ws, /ws/{client_id}, /ws/process/{session}, "
                    "/ws/agent/{session}, /ws/jobs, /ws/collab and /ws/admin.");
    return true;
  }
  return false;
}

std::optional<DeflateParameters> agree_on_deflate(Service& service, const RequestHead& head) {
  // Broadcast messages are compressed once for all, so each stands alone; and what a client
  // compresses must not cost us a window for as long as it is connected.
  const DeflatePolicy policy{.enabled = service.state().features.on(Feature::stream_compression),
                             .server_no_context_takeover = true,
                             .client_no_context_takeover = true};
  return negotiate_deflate(head, policy);
}

std::optional<SseRefusal> read_wanted(Service& service, const RequestHead& head,
                                      const Target& target, Subscription& wanted) {
  const Limits& limits = service.config().limits;
  if (auto failure = read_stream_request(head, limits, true, wanted)) return failure;
  if (target.topic.empty()) return {};
  return add_stream_topic(wanted, target.topic, limits);
}

// What the request itself asks for; what it says later is looked at then.
std::optional<AccessRefusal> refusal_of_route(const Principal& who, const Target& target,
                                              const Subscription& wanted) {
  std::optional<AccessRefusal> refusal;
  if (target.route == WsRoute::admin) refusal = refusal_to_administer(who);
  if (target.route == WsRoute::agent) {
    refusal = refusal_of(who, Action::publish, "control." + target.name);
  }
  // Topics may be named on every route.
  return refusal ? refusal : refusal_to_subscribe(who, wanted);
}

}  // namespace

bool is_websocket_path(std::string_view path) { return path == "/ws" || path.starts_with("/ws/"); }

Task<void> serve_websocket(Service& service, HttpExchange& exchange) {
  const RequestHead& head = exchange.head();
  const auto target = read_target(head);
  if (refuse_early(service, exchange, target)) co_return;
  const auto upgrade = read_upgrade(head);
  if (!upgrade) {
    refuse_upgrade(exchange, upgrade.error());
    co_return;
  }
  PrincipalPtr who = service.identify_or_refuse(exchange);
  if (who == nullptr) co_return;
  Subscription wanted;
  if (const auto failure = read_wanted(service, head, *target, wanted)) {
    exchange.refuse(failure->status, failure->code, failure->message);
    co_return;
  }
  if (const auto refusal = refusal_of_route(*who, *target, wanted)) {
    service.refuse(exchange, *refusal);
    co_return;
  }
  if (service.state().draining()) {
    exchange.refuse(503, "draining", "This server is shutting down; connect elsewhere.");
    co_return;
  }
  if (service.limits().refuse_stream(exchange, wanted.place)) co_return;
  const auto deflate = agree_on_deflate(service, head);
  if (deflate) {
    wanted.form = &service.forms().deflated(deflate->server_max_window_bits);
  } else {
    wanted.form = &service.forms().plain();
  }
  const auto session =
      std::make_shared<WsSession>(service, WsSession::Client{.route = target->route,
                                                             .name = target->name,
                                                             .address = exchange.client(),
                                                             .deflates = deflate.has_value(),
                                                             .who = who});
  wanted.input = session;
  wanted.announce_position = !wanted.empty();
  wanted.ends_at_ns = service.standings().ends_at_ns(*who);
  wanted.ends_with = ws_ending(StandingEnd::expired);
  if (!co_await exchange.flush()) {
    exchange.refuse(HttpError{});
    co_return;
  }
  wanted.head = upgrade_response(*upgrade, upgrade->choose_subprotocol(kSubprotocols), deflate);
  const auto joined = co_await service.shard().subscribe(exchange.descriptor(), std::move(wanted));
  if (!joined) {
    exchange.refuse(503, joined.error().code, joined.error().message);
    co_return;
  }
  exchange.note_status(101);
  exchange.socket_taken();
  service.counters.ws_open.add();
  service.review().joined(who);
  ClientAddress::TextBuffer client;
  log_debug("websocket opened", {{"request_id", exchange.request_id()},
                                 {"client_ip", exchange.client().text(client)},
                                 {"principal", who->proved ? who->name : ""},
                                 {"session_id", session_of(head.path)},
                                 {"client", session->id()},
                                 {"path", head.path}});
  if (target->route == WsRoute::rooms) join_room_of_request(*session, head);
  Buffer early = exchange.take_input();
  session->take(early.bytes());
}

}  // namespace ringcast
