#include "protocol/mcp/mcp_http_post.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include "core/remote_task.h"
#include "net/client_watch.h"
#include "protocol/mcp/mcp_batch.h"
#include "protocol/mcp/mcp_headers.h"
#include "protocol/mcp/mcp_http_stream.h"
#include "protocol/mcp/mcp_methods.h"
#include "protocol/mcp/mcp_outcome.h"

namespace ringcast {
namespace {

// What is not inlined has a frame of its own while it runs; the rest would make one that is too
// large to be used again.
constexpr std::string_view kJson = "application/json";
constexpr std::string_view kAcceptBoth = "Accept both application/json and text/event-stream.";

std::int64_t keepalive_ns(const McpEndpoint& endpoint) {
  return static_cast<std::int64_t>(endpoint.options().keepalive_ms) * 1'000'000;
}

int status_of(const McpCall& call) {
  const auto& refusal = call.refusal();
  if (!refusal) return 200;
  switch (refusal->code) {
    case rpc::kMethodNotFound:
      return 404;
    case rpc::kForbidden:
      return 403;
    case rpc::kAccessEnded:
      return 401;
    case rpc::kInvalidRequest:
    case rpc::kMissingCapability:
      return 400;
    default:
      return 200;
  }
}

// A client that may not do this, or not any more, is told what to ask its authorization server for.
void respond_with_scope(const McpEndpoint& endpoint, HttpExchange& exchange, int status,
                        std::string_view body, std::string_view scope) {
  const bool challenged = status == 401 || !scope.empty();
  if (!challenged || endpoint.host() == nullptr) return exchange.respond(status, kJson, body);
  const std::string challenge = endpoint.host()->challenge(exchange, scope);
  exchange.respond(status, kJson, body, {{"WWW-Authenticate", challenge}});
}

// --- stateless requests ---

// Cancels the call when the client goes, or the connection has to end; also if its access has ended
// and the call, which knows, does not come to its end.
class CancelWithClient final : public ClientWatch::Listener, public Standing, Cancellable {
 public:
  CancelWithClient(Scope& connection, McpCall& call, const PrincipalPtr& who)
      : Standing(kGraceNs), Cancellable(stop), call_(call) {
    connection.add(*this);
    begin(call.endpoint().standings(), who);
  }
  void client_gone() override {
    call_.scope().cancel();
    if (stream_ != nullptr) stream_->detach(token_);
  }
  void reads(McpStream& stream, McpStream::Token token) {
    stream_ = &stream;
    token_ = token;
  }

 private:
  static void stop(Cancellable& waiting) { static_cast<CancelWithClient&>(waiting).client_gone(); }
  void over(StandingEnd /*why*/) override { client_gone(); }
  McpCall& call_;
  McpStream* stream_ = nullptr;
  McpStream::Token token_ = 0;
};

// Sends the call's own stream; false if the client went before its end.
[[gnu::noinline]] Task<bool> send_own_stream(McpEndpoint& endpoint, HttpExchange& exchange,
                                             McpStream& stream, CancelWithClient& cancel) {
  const McpStream::Token token = stream.attach();
  cancel.reads(stream, token);
  const std::int64_t quiet_ns = keepalive_ns(endpoint);
  add_stream_headers(exchange);
  bool connected = co_await exchange.start_stream(200, "text/event-stream");
  std::uint64_t position = 0;
  while (connected) {
    const McpStream::Fetched next =
        co_await McpStream::fetch(&stream, token, position, endpoint.reactor().now_ns() + quiet_ns,
                                  McpStream::Form::events, kMostFetchedBytes);
    if (next.gone) co_return false;
    position = next.position;
    connected =
        co_await exchange.write(next.bytes.empty() && !next.finished ? kMcpKeepAlive : next.bytes);
    if (next.finished) co_return connected&& co_await exchange.finish_stream();
  }
  co_return false;
}

[[gnu::noinline]] Task<void> wait_and_send(McpEndpoint& endpoint, HttpExchange& exchange,
                                           McpCall& call, McpOutcome& outcome,
                                           const PrincipalPtr& who) {
  CancelWithClient cancel(exchange.socket().scope(), call, who);
  ClientWatch watch(exchange, cancel);
  co_await outcome;
  bool whole = true;
  if (call.has_stream())
    whole = co_await send_own_stream(endpoint, exchange, call.stream(), cancel);
  co_await watch.stop();
  if (!whole || watch.gone()) {
    call.scope().cancel();
    exchange.close_after();
    if (!exchange.responded()) exchange.refuse(HttpError{});
  }
}

[[gnu::noinline]] Task<void> serve_stateless(McpEndpoint& endpoint, HttpExchange& exchange,
                                             const McpHeaders& headers, McpCall& call) {
  if (call.message().kind == RpcMessage::Kind::response) {
    respond_error(exchange, 400, call.id(),
                  {.code = rpc::kInvalidRequest, .message = "This revision has no responses."});
    endpoint.give_call(call);
    co_return;
  }
  std::optional<McpEndpoint::Refusal> refusal;
  if (auto wrong = check_version_header(headers, call)) refusal = {400, std::move(*wrong)};
  if (!refusal) refusal = endpoint.read_envelope(call);
  if (!refusal && call.message().kind == RpcMessage::Kind::request) {
    if (auto wrong = check_method_headers(headers, call)) refusal = {400, std::move(*wrong)};
    if (!refusal) {
      if (auto wrong = McpMethods::check(call)) {
        refusal = {wrong->code == rpc::kMethodNotFound ? 404 : 400, std::move(*wrong)};
      }
    }
    if (!refusal) {
      if (auto wrong = check_parameter_headers(exchange.head(), call))
        refusal = {400, std::move(*wrong)};
    }
  }
  if (refusal) {
    respond_error(exchange, refusal->status, call.id(), refusal->error);
    endpoint.give_call(call);
    co_return;
  }
  if (call.message().kind == RpcMessage::Kind::notification) {
    endpoint.give_call(call);
    exchange.respond_empty(202);
    co_return;
  }
  if (!headers.accepts_events && call.method() == "subscriptions/listen") {
    respond_error(exchange, 406, call.id(),
                  {.code = rpc::kServerError, .message = "This answers by text/event-stream."});
    endpoint.give_call(call);
    co_return;
  }
  if (!endpoint.takes_loose_calls()) {
    respond_error(
        exchange, 503, call.id(),
        {.code = rpc::kServerError, .message = "Too many requests run here (mcp.max_calls)."});
    endpoint.give_call(call);
    co_return;
  }
  ClientPlaces::Place place;  // of a stream that lasts
  if (call.method() == "subscriptions/listen" && endpoint.host() != nullptr &&
      endpoint.host()->refuse_stream(exchange, place)) {
    endpoint.give_call(call);
    co_return;
  }
  call.set_principal(principal_of(headers));
  call.set_who(headers.who);
  McpOutcome outcome(endpoint.reactor());
  if (headers.accepts_events) {
    outcome.stream_after(call, keepalive_ns(endpoint));
  } else {
    call.mute();
  }
  endpoint.start(call, &outcome);
  if (!call.done() || call.has_stream()) {
    co_await wait_and_send(endpoint, exchange, call, outcome, headers.who);
  }
  if (!exchange.responded()) {
    const int status = status_of(call);
    respond_with_scope(endpoint, exchange, status, call.reply(),
                       status == 403 ? std::string_view(call.refusal()->scope) : "");
  }
  endpoint.abandon(call);
}

// --- requests of sessions ---

struct Post {
  McpEndpoint* home;
  std::string_view session;
  std::string_view principal;
  std::optional<std::string_view> version;  // MCP-Protocol-Version
  std::string_view text;
  McpCall* call;  // read already; null: not here
  PrincipalPtr who;
};

struct Posted {
  int status = 200;
  std::string body{};
  std::optional<RpcError> error{};
  std::string id{};
  std::string scope{};  // with 403: what would have to be granted
  std::optional<McpStreamRef> stream{};
  McpRevision revision = kNewestWithSessions;
};

Posted refused(int status, const McpCall* call, int code, std::string message) {
  return {.status = status,
          .error = RpcError{.code = code, .message = std::move(message)},
          .id = call == nullptr ? std::string() : std::string(call->id())};
}

// On the session's home core: runs the request up to its reply, or to where it begins to stream.
// Meanwhile the session may end, and its streams with it.
[[gnu::noinline]] Task<Posted> run_here(McpEndpoint& home, std::string_view session_id,
                                        McpSession& session, McpCall& call) {
  if (auto wrong = session.adopt(call)) {
    Posted out{.status = 400, .error = std::move(wrong), .id = std::string(call.id())};
    home.give_call(call);
    co_return out;
  }
  Posted out{.revision = session.revision()};
  McpOutcome outcome(home.reactor());
  outcome.stream_after(call, keepalive_ns(home));
  home.start(call, &outcome);
  co_await outcome;
  if (home.find_session(session_id) == nullptr) {
    out = refused(404, &call, rpc::kSessionNotFound, "The session has ended.");
  } else if (call.has_stream()) {
    McpStream& stream = call.stream();
    out.stream = McpStreamRef{.home = &home,
                              .session = std::string(session_id),
                              .stream = stream.id(),
                              .token = stream.attach(),
                              .position = 0,
                              .form = McpStream::Form::numbered_events};
  } else {
    if (const int status = status_of(call); status == 401 || status == 403) {
      out.status = status;
      out.scope = call.refusal()->scope;
    }
    out.body = call.take_reply();
  }
  home.abandon(call);
  co_return out;
}

Task<Posted> post_here(const Post* post) {
  McpEndpoint& home = *post->home;
  McpCall& call = post->call != nullptr ? *post->call : home.take_call();
  if (post->call == nullptr) home.read(call, post->text);
  McpSession* const session = find_own_session(home, post->session, post->principal);
  Posted out;
  if (session == nullptr) {
    out = refused(404, &call, rpc::kSessionNotFound, "There is no such session, or not any more.");
  } else if (post->version &&
             (!find_revision(*post->version) || is_stateless(*find_revision(*post->version)))) {
    out = refused(400, &call, rpc::kServerError, "This version of the protocol is not supported.");
  } else if (call.message().kind != RpcMessage::Kind::request) {
    if (call.message().kind == RpcMessage::Kind::response) {
      session->take_response(call.message());
    } else {
      session->take_notification(call.message());
    }
    out.status = 202;
  } else if (call.method() == "initialize") {
    out = refused(400, &call, rpc::kInvalidRequest, "The session has begun already.");
  } else {
    call.set_who(post->who);
    co_return co_await run_here(home, post->session, *session, call);
  }
  home.give_call(call);
  co_return out;
}

Task<void> send_posted(McpEndpoint& endpoint, HttpExchange& exchange, Posted posted,
                       std::string_view session_header, const PrincipalPtr& who) {
  if (posted.error) {
    respond_error(exchange, posted.status, posted.id, *posted.error);
  } else if (posted.stream) {
    const std::string first = priming_event(endpoint, posted.revision, posted.stream->stream, 0);
    co_await send_stream(endpoint, exchange, std::move(*posted.stream), first, session_header, who);
  } else if (posted.status == 202) {
    exchange.respond_empty(202);
  } else {
    if (!session_header.empty()) exchange.add_header("Mcp-Session-Id", session_header);
    respond_with_scope(endpoint, exchange, posted.status, posted.body, posted.scope);
    endpoint.give_text(std::move(posted.body));
  }
}

[[gnu::noinline]] Task<void> serve_session(McpEndpoint& endpoint, HttpExchange& exchange,
                                           const McpHeaders& headers, McpCall& call,
                                           std::string_view text) {
  const std::string id(call.id());
  if (!headers.session) {
    endpoint.give_call(call);
    respond_error(exchange, 400, id,
                  {.code = rpc::kServerError,
                   .message = "Mcp-Session-Id is missing; a session begins with `initialize`."});
    co_return;
  }
  const std::string principal = principal_of(headers);
  Post post{.home = endpoint.home_of(headers.session.value),
            .session = headers.session.value,
            .principal = principal,
            .version = headers.version ? std::optional(headers.version.value) : std::nullopt,
            .text = text,
            .call = &call,
            .who = headers.who};
  if (post.home != &endpoint) {
    endpoint.give_call(call);
    post.call = nullptr;
  }
  if (post.home == nullptr) {
    respond_error(
        exchange, 404, id,
        {.code = rpc::kSessionNotFound, .message = "There is no such session, or not any more."});
    co_return;
  }
  Posted posted = co_await on_core<Posted>(endpoint.reactor(), post.home->reactor(),
                                           [&post] { return post_here(&post); });
  co_await send_posted(endpoint, exchange, std::move(posted), {}, headers.who);
}

// A session begins. It is made only for a request that can begin one.
[[gnu::noinline]] Task<void> initialize(McpEndpoint& endpoint, HttpExchange& exchange,
                                        const McpHeaders& headers, McpCall& call) {
  const std::string id(call.id());
  if (auto wrong = McpMethods::check_initialize(call)) {
    endpoint.give_call(call);
    respond_error(exchange, 400, id, *wrong);
    co_return;
  }
  McpOwner owner = owner_of(headers);
  if (refuse_session(endpoint, exchange, id, owner)) {
    endpoint.give_call(call);
    co_return;
  }
  const auto opened = endpoint.open_session(McpSession::Kind::streamable, std::move(owner));
  if (!opened) {
    endpoint.give_call(call);
    respond_error(exchange, 503, id,
                  {.code = rpc::kServerError, .message = opened.error().message});
    co_return;
  }
  const std::string session_id = (*opened)->id();
  Posted posted = co_await run_here(endpoint, session_id, **opened, call);
  co_await send_posted(endpoint, exchange, std::move(posted), session_id, headers.who);
}

// Several messages at once (2025-03-26).
[[gnu::noinline]] Task<void> serve_batch(McpEndpoint& endpoint, HttpExchange& exchange,
                                         const McpHeaders& headers,
                                         const std::vector<std::string_view>& parts) {
  const auto refuse = [&](int status, int code, std::string message) {
    respond_error(exchange, status, {}, {.code = code, .message = std::move(message)});
  };
  if (!headers.accepts_json || !headers.accepts_events) {
    co_return refuse(406, rpc::kServerError, std::string(kAcceptBoth));
  }
  if (headers.version && !find_revision(headers.version.value)) {
    co_return refuse(400, rpc::kServerError, "This version of the protocol is not supported.");
  }
  if (!headers.session) {
    co_return refuse(400, rpc::kInvalidRequest, "Batches are for sessions of 2025-03-26.");
  }
  const std::string principal = principal_of(headers);
  const std::string_view session = headers.session.value;
  McpEndpoint* const home = endpoint.home_of(session);
  if (home == nullptr) {
    co_return refuse(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  }
  const McpBatchOutcome outcome = co_await on_core<McpBatchOutcome>(
      endpoint.reactor(), home->reactor(),
      [&] { return run_batch(*home, session, principal, parts, headers.who); });
  if (outcome.error) {
    respond_error(exchange, outcome.status, {}, *outcome.error);
  } else if (outcome.answers.empty()) {
    exchange.respond_empty(202);
  } else {
    exchange.respond(200, kJson, outcome.answers);
  }
}

}  // namespace

void respond_error(HttpExchange& exchange, int status, std::string_view id, const RpcError& error,
                   bool allow) {
  std::string body;
  append_rpc_error(body, id, error);
  if (allow && status == 405) {
    exchange.respond(status, kJson, body, {{"Allow", "POST, OPTIONS"}});
  } else {
    exchange.respond(status, kJson, body);
  }
}

bool refuse_origin(McpEndpoint& endpoint, HttpExchange& exchange, const McpHeaders& headers) {
  if (allows_origin(headers, endpoint.options())) return false;
  respond_error(
      exchange, 403, {},
      {.code = rpc::kServerError, .message = "Pages of this origin may not use this server."});
  return true;
}

void refuse_body(HttpExchange& exchange, const HttpError& error) {
  if (error.status == 0) return exchange.refuse(error);
  respond_error(exchange, error.status, {},
                {.code = rpc::kInvalidRequest, .message = std::string(error.message)});
}

std::string principal_of(const McpHeaders& headers) {
  // A token that was renewed is still the same client's.
  if (headers.who != nullptr && !headers.who->nameless) return headers.who->name;
  const std::string_view credentials =
      headers.authorization ? headers.authorization.value : headers.token;
  if (credentials.empty()) return {};
  unsigned char digest[32];
  unsigned int size = 0;
  EVP_Digest(credentials.data(), credentials.size(), digest, &size, EVP_sha256(), nullptr);
  return {reinterpret_cast<const char*>(digest), size};
}

McpOwner owner_of(const McpHeaders& headers) {
  return {.principal = principal_of(headers), .who = headers.who};
}

bool refuse_session(McpEndpoint& endpoint, HttpExchange& exchange, std::string_view id,
                    McpOwner& owner) {
  const std::uint32_t most = endpoint.options().max_sessions_per_client;
  if (endpoint.host() == nullptr ||
      !endpoint.host()->too_many_sessions(exchange, most, owner.place)) {
    return false;
  }
  endpoint.counters.sessions_refused.add();
  exchange.add_header("Retry-After", "5");
  respond_error(exchange, 429, id,
                {.code = rpc::kServerError,
                 .message = fmt::format("One client may have {} sessions.", most)});
  return true;
}

McpSession* find_own_session(McpEndpoint& home, std::string_view id, std::string_view principal) {
  McpSession* const session = home.find_session(id);
  return session != nullptr && session->principal() == principal ? session : nullptr;
}

std::optional<RpcError> receive_message(McpEndpoint& home, McpSession& session,
                                        std::string_view text, McpStream& stream,
                                        const PrincipalPtr& who,
                                        const std::optional<RpcError>& too_soon) {
  if (RpcParser::is_batch(text) && too_soon) return too_soon;
  if (RpcParser::is_batch(text) && session.revision() == McpRevision::r2025_03_26) {
    home.streams().spawn(
        run_batch_of_channel(&home, session.id(), session.principal(), std::string(text), who));
    return std::nullopt;
  }
  McpCall& call = home.take_call();
  const auto refuse = [&](RpcError error) -> std::optional<RpcError> {
    if (call.id().empty()) {
      home.give_call(call);
      return error;
    }
    std::string json;
    append_rpc_error(json, call.id(), error);
    home.give_call(call);
    stream.push(json);
    return std::nullopt;
  };
  if (auto error = home.read(call, text)) return refuse(std::move(*error));
  if (too_soon && call.message().kind == RpcMessage::Kind::request) return refuse(*too_soon);
  if (call.message().kind != RpcMessage::Kind::request) {
    // Whoever was asked may always answer.
    if (call.message().kind == RpcMessage::Kind::response) {
      session.take_response(call.message());
    } else if (!too_soon) {
      session.take_notification(call.message());
    }
    home.give_call(call);
    return std::nullopt;
  }
  if (McpEndpoint::is_stateless_message(call.message()) &&
      session.kind() == McpSession::Kind::connection) {
    if (auto refusal = home.read_envelope(call)) return refuse(std::move(refusal->error));
  }
  call.set_who(who);
  if (auto error = session.adopt(call)) return refuse(std::move(*error));
  call.send_to(stream);
  home.start(call, nullptr);
  return std::nullopt;
}

Task<void> serve_mcp_post(McpEndpoint& endpoint, HttpExchange& exchange,
                          const McpHeaders& headers) {
  if (!headers.is_json()) {
    respond_error(exchange, 415, {},
                  {.code = rpc::kServerError, .message = "The Content-Type is application/json."});
    co_return;
  }
  const auto body = co_await exchange.body(endpoint.options().max_message_bytes);
  if (!body) {
    refuse_body(exchange, body.error());
    co_return;
  }
  McpCall& call = endpoint.take_call();
  if (RpcParser::is_batch(*body)) {
    const auto parts = call.split_batch(*body, endpoint.options().max_batch);
    endpoint.give_call(call);
    if (parts) co_return co_await serve_batch(endpoint, exchange, headers, *parts);
    respond_error(exchange, 400, {}, parts.error());
    co_return;
  }
  if (auto error = endpoint.read(call, *body)) {
    respond_error(exchange, 400, call.id(), *error);
    endpoint.give_call(call);
    co_return;
  }
  const auto named = headers.version ? find_revision(headers.version.value) : std::nullopt;
  const bool stateless =
      McpEndpoint::is_stateless_message(call.message()) || (named && is_stateless(*named));
  const bool json = headers.accepts_json;
  const bool stream = headers.accepts_events;
  if (stateless ? !json && !stream : !json || !stream) {
    respond_error(exchange, 406, call.id(),
                  {.code = rpc::kServerError,
                   .message = stateless ? "Accept application/json or text/event-stream."
                                        : std::string(kAcceptBoth)});
    endpoint.give_call(call);
  } else if (stateless) {
    co_await serve_stateless(endpoint, exchange, headers, call);
  } else if (call.message().kind == RpcMessage::Kind::request && call.method() == "initialize" &&
             !headers.session) {
    co_await initialize(endpoint, exchange, headers, call);
  } else {
    co_await serve_session(endpoint, exchange, headers, call, *body);
  }
}

}  // namespace ringcast
