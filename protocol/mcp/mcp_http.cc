#include "protocol/mcp/mcp_http.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <charconv>

#include "core/remote_task.h"
#include "core/utf8.h"
#include "net/url.h"
#include "protocol/mcp/mcp_headers.h"
#include "protocol/mcp/mcp_http_post.h"
#include "protocol/mcp/mcp_http_stream.h"

namespace ringcast {
namespace {

constexpr std::string_view kEndpoint = "/mcp";
constexpr std::string_view kEventStream = "/sse";
constexpr std::string_view kMessages = "/messages";

struct Opened {
  int status = 200;
  RpcError error;
  McpStreamRef ref;
  McpRevision revision = kNewestWithSessions;
};

Opened refused(int status, int code, std::string message) {
  Opened out;
  out.status = status;
  out.error = {.code = code, .message = std::move(message)};
  return out;
}

struct OpenRequest {
  McpEndpoint* home;
  std::string_view session;
  std::string_view principal;
  std::optional<std::string_view> last_id;
  PrincipalPtr who;
};

// `STREAM-NUMBER`, as our events have it.
bool read_event_id(std::string_view text, std::uint32_t& stream, std::uint64_t& position) {
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, stream);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '-') return false;
  const auto second = std::from_chars(first.ptr + 1, end, position);
  return second.ec == std::errc() && second.ptr == end;
}

// On the session's home core: attaches to the stream that a GET asks for.
Task<Opened> open_here(const OpenRequest* request) {
  McpSession* const session =
      find_own_session(*request->home, request->session, request->principal);
  if (session == nullptr) {
    co_return refused(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  }
  std::uint32_t number = 0;
  std::uint64_t position = 0;
  if (request->last_id && !read_event_id(*request->last_id, number, position)) {
    co_return refused(400, rpc::kInvalidRequest, "Last-Event-ID is none of ours.");
  }
  McpStream* const stream = session->find_stream(number);
  if (stream == nullptr || (request->last_id && !stream->can_resume(position))) {
    co_return refused(400, rpc::kInvalidRequest,
                      "What follows this Last-Event-ID is not kept any more.");
  }
  session->touch();
  session->pass_to(request->who);
  Opened out;
  out.revision = session->revision();
  out.ref = {.home = request->home,
             .session = session->id(),
             .stream = number,
             .token = stream->attach(),
             .position = request->last_id ? position : stream->delivered(),
             .form = McpStream::Form::numbered_events};
  co_return out;
}

// What GET and DELETE are for is not there in the stateless revisions. True if it was refused.
bool refuse_version(HttpExchange& exchange, const McpHeaders& headers) {
  if (!headers.version) return false;
  const auto revision = find_revision(headers.version.value);
  if (revision && !is_stateless(*revision)) return false;
  if (revision) {
    respond_error(exchange, 405, {},
                  {.code = rpc::kServerError, .message = "This revision has only POST."}, true);
  } else {
    respond_error(
        exchange, 400, {},
        {.code = rpc::kServerError, .message = "This version of the protocol is not supported."});
  }
  return true;
}

[[gnu::noinline]] Task<void> get_stream(McpEndpoint& endpoint, HttpExchange& exchange,
                                        const McpHeaders& headers) {
  if (refuse_version(exchange, headers)) co_return;
  if (!headers.accepts_events) {
    respond_error(
        exchange, 406, {},
        {.code = rpc::kServerError, .message = "A GET is for an event stream: Accept it."});
    co_return;
  }
  if (!headers.session) {
    // Stateless clients have none; to them this method is not there.
    respond_error(exchange, headers.last_event_id ? 400 : 405, {},
                  {.code = rpc::kServerError,
                   .message = "A stream belongs to a session: "
                              "Mcp-Session-Id is missing."},
                  true);
    co_return;
  }
  ClientPlaces::Place place;
  if (endpoint.host() != nullptr && endpoint.host()->refuse_stream(exchange, place)) co_return;
  const std::string principal = principal_of(headers);
  OpenRequest request{
      .home = endpoint.home_of(headers.session.value),
      .session = headers.session.value,
      .principal = principal,
      .last_id = headers.last_event_id ? std::optional(headers.last_event_id.value) : std::nullopt,
      .who = headers.who};
  Opened opened = refused(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  if (request.home != nullptr) {
    opened = co_await on_core<Opened>(endpoint.reactor(), request.home->reactor(),
                                      [&request] { return open_here(&request); });
  }
  if (opened.status != 200) {
    respond_error(exchange, opened.status, {}, opened.error);
    co_return;
  }
  add_stream_headers(exchange);
  if (!co_await exchange.flush()) {
    leave_stream(endpoint, opened.ref);
    exchange.refuse(HttpError{});
    co_return;
  }
  const std::string session_id(headers.session.value);
  std::string begin =
      exchange.head_until_close(200, "text/event-stream", {{"Mcp-Session-Id", session_id}});
  begin += priming_event(endpoint, opened.revision, opened.ref.stream, opened.ref.position);
  exchange.socket_taken();
  spawn_stream(endpoint, exchange.descriptor(), std::move(begin), std::move(opened.ref),
               {.who = headers.who, .place = std::move(place)});
}

struct DeleteRequest {
  McpEndpoint* home;
  std::string_view session;
  std::string_view principal;
};

Task<bool> delete_here(const DeleteRequest* request) {
  McpSession* const session =
      find_own_session(*request->home, request->session, request->principal);
  if (session == nullptr) co_return false;
  request->home->end_session(*session);
  co_return true;
}

[[gnu::noinline]] Task<void> delete_session(McpEndpoint& endpoint, HttpExchange& exchange,
                                            const McpHeaders& headers) {
  if (refuse_version(exchange, headers)) co_return;
  if (!headers.session) {
    respond_error(exchange, 405, {},
                  {.code = rpc::kServerError, .message = "Mcp-Session-Id is missing."}, true);
    co_return;
  }
  const std::string principal = principal_of(headers);
  const DeleteRequest request{.home = endpoint.home_of(headers.session.value),
                              .session = headers.session.value,
                              .principal = principal};
  const bool ended = request.home != nullptr &&
                     co_await on_core<bool>(endpoint.reactor(), request.home->reactor(),
                                            [&request] { return delete_here(&request); });
  if (ended) {
    exchange.respond_empty(200);
  } else {
    respond_error(
        exchange, 404, {},
        {.code = rpc::kSessionNotFound, .message = "There is no such session, or not any more."});
  }
}

// --- 2024-11-05 ---

// Opens a session whose only channel is this stream.
[[gnu::noinline]] Task<void> open_event_stream(McpEndpoint& endpoint, HttpExchange& exchange,
                                               const McpHeaders& headers) {
  ClientPlaces::Place place;
  if (endpoint.host() != nullptr && endpoint.host()->refuse_stream(exchange, place)) co_return;
  McpOwner owner = owner_of(headers);
  if (refuse_session(endpoint, exchange, {}, owner)) co_return;
  const auto opened = endpoint.open_session(McpSession::Kind::event_stream, std::move(owner));
  if (!opened) {
    respond_error(exchange, 503, {},
                  {.code = rpc::kServerError, .message = opened.error().message});
    co_return;
  }
  McpSession& session = **opened;
  const std::string id = session.id();
  add_stream_headers(exchange);
  if (!co_await exchange.flush()) {
    endpoint.end_session(session);
    exchange.refuse(HttpError{});
    co_return;
  }
  std::string begin = exchange.head_until_close(200, "text/event-stream");
  // Whoever cannot set a header here cannot there either.
  begin +=
      fmt::format("event: endpoint\ndata: {}{}?session_id={}{}{}\n\n", endpoint.options().mount,
                  kMessages, id, headers.token.empty() ? "" : "&token=", headers.token);
  McpStreamRef ref{.home = &endpoint,
                   .session = id,
                   .stream = 0,
                   .token = session.main().attach(),
                   .position = 0,
                   .form = McpStream::Form::events};
  exchange.socket_taken();
  spawn_stream(endpoint, exchange.descriptor(), std::move(begin), std::move(ref),
               {.who = headers.who, .place = std::move(place), .owns_session = true});
}

struct Delivery {
  McpEndpoint* home;
  std::string_view session;
  std::string_view principal;
  std::string_view text;
  PrincipalPtr who;
};

// On the session's home core. The status, and what is wrong.
Task<Opened> deliver_here(const Delivery* delivery) {
  McpSession* const session =
      find_own_session(*delivery->home, delivery->session, delivery->principal);
  if (session == nullptr || session->kind() != McpSession::Kind::event_stream) {
    co_return refused(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  }
  if (!session->main().has_room()) {
    co_return refused(503, rpc::kServerError,
                      "The event stream is not read; nothing more is taken until it is.");
  }
  auto error =
      receive_message(*delivery->home, *session, delivery->text, session->main(), delivery->who);
  if (error) {
    Opened out;
    out.status = 400;
    out.error = std::move(*error);
    co_return out;
  }
  co_return Opened{.status = 202, .error = {}, .ref = {}};
}

[[gnu::noinline]] Task<void> post_message(McpEndpoint& endpoint, HttpExchange& exchange,
                                          const McpHeaders& headers) {
  const auto session = query_value(exchange.head().query, "session_id");
  McpEndpoint* const home = session ? endpoint.home_of(*session) : nullptr;
  const auto body = co_await exchange.body(endpoint.options().max_message_bytes);
  if (!body) {
    refuse_body(exchange, body.error());
    co_return;
  }
  if (!session) {
    respond_error(exchange, 400, {},
                  {.code = rpc::kInvalidRequest, .message = "session_id is missing."});
    co_return;
  }
  Opened outcome =
      refused(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  const std::string principal = principal_of(headers);
  if (home != nullptr) {
    const Delivery delivery{.home = home,
                            .session = *session,
                            .principal = principal,
                            .text = *body,
                            .who = headers.who};
    outcome = co_await on_core<Opened>(endpoint.reactor(), home->reactor(),
                                       [&delivery] { return deliver_here(&delivery); });
  }
  if (outcome.status == 202) {
    exchange.respond(202, "text/plain", "Accepted");
  } else {
    respond_error(exchange, outcome.status, {}, outcome.error);
  }
}

void refuse_method(HttpExchange& exchange, std::string_view allowed) {
  const auto text = fmt::format("Methods here: {}.", allowed);
  exchange.refuse(405, "method_not_allowed", text, {{"Allow", allowed}});
}

}  // namespace

bool is_mcp_path(std::string_view path) {
  return path == kEndpoint || path == kEventStream || path == kMessages || path == "/messages/";
}

Task<void> serve_mcp_http(McpEndpoint& endpoint, HttpExchange& exchange, PrincipalPtr who) {
  const RequestHead& head = exchange.head();
  const McpHeaders headers(head, std::move(who));
  if (refuse_origin(endpoint, exchange, headers)) co_return;
  if (head.path == kEventStream) {
    if (head.method == Method::get) {
      co_await open_event_stream(endpoint, exchange, headers);
    } else {
      refuse_method(exchange, "GET, OPTIONS");
    }
  } else if (head.path != kEndpoint) {
    if (head.method == Method::post) {
      co_await post_message(endpoint, exchange, headers);
    } else {
      refuse_method(exchange, "POST, OPTIONS");
    }
  } else if (head.method == Method::post) {
    co_await serve_mcp_post(endpoint, exchange, headers);
  } else if (head.method == Method::get) {
    co_await get_stream(endpoint, exchange, headers);
  } else if (head.method == Method::del) {
    co_await delete_session(endpoint, exchange, headers);
  } else {
    refuse_method(exchange, kMcpMethods);
  }
}

}  // namespace ringcast
