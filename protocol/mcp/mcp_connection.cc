#include "protocol/mcp/mcp_connection.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/socket.h"
#include "net/buffer.h"
#include "protocol/mcp/mcp_http_post.h"

namespace ringcast {
namespace {

constexpr std::string_view kSubprotocol = "mcp";
constexpr std::array<std::string_view, 1> kSubprotocols = {kSubprotocol};
constexpr std::size_t kFetchedBytes = 64 << 10;
constexpr std::size_t kReadBytes = 64 << 10;

// A session as long as the connection lasts.
class ConnectionSession {
 public:
  ConnectionSession(McpEndpoint& endpoint, McpSession& session)
      : endpoint_(endpoint), session_(session), token_(session.main().attach()) {}
  ConnectionSession(const ConnectionSession&) = delete;
  ConnectionSession& operator=(const ConnectionSession&) = delete;
  ~ConnectionSession() { endpoint_.end_session(session_); }

  McpSession& session() { return session_; }

  // A message that came in. What is no message is answered too, since nobody else can.
  void receive(std::string_view text, const PrincipalPtr& who,
               const std::optional<RpcError>& too_soon = {}) {
    if (const auto wrong =
            receive_message(endpoint_, session_, text, session_.main(), who, too_soon)) {
      std::string json;
      append_rpc_error(json, {}, *wrong);
      session_.main().push(json);
    }
  }

  Task<McpStream::Fetched> next() {
    McpStream::Fetched fetched = co_await McpStream::fetch(&session_.main(), token_, position_, -1,
                                                           McpStream::Form::lines, kFetchedBytes);
    position_ = fetched.position;
    co_return fetched;
  }

 private:
  McpEndpoint& endpoint_;
  McpSession& session_;
  McpStream::Token token_;
  std::uint64_t position_ = 0;
};

// --- WebSocket ---

// Cancels the scope at its end, so that nobody waits for room that does not come any more.
Task<void> write_messages(ConnectionSession* session, WebSocket* socket, Scope* scope) {
  for (bool open = true; open;) {
    const McpStream::Fetched next = co_await session->next();
    std::string_view rest = next.bytes;
    while (open && !rest.empty()) {
      const std::size_t end = rest.find('\n');
      open = co_await socket->send(WsOpcode::text, rest.substr(0, end));
      rest.remove_prefix(end + 1);
    }
    open = open && !next.gone && !next.finished;
  }
  scope->cancel();
}

// Closes it when its client's access has ended; what the client says then does not count.
class CloseWhenOver final : public Standing {
 public:
  CloseWhenOver(McpEndpoint& endpoint, WebSocket& socket, PrincipalPtr who) : socket_(socket) {
    begin(endpoint.standings(), std::move(who));
  }
  bool ended() const { return ended_; }

 private:
  void over(StandingEnd why) override {
    ended_ = true;
    socket_.close(ws_close::kPolicy, standing_message(why));
  }
  bool covered() override { return who()->grants.allows_some(Action::tools); }
  WebSocket& socket_;
  bool ended_ = false;
};

// Messages count as requests do.
std::optional<RpcError> too_soon(McpEndpoint& endpoint, const ClientAddress& client,
                                 const PrincipalPtr& who) {
  if (endpoint.host() == nullptr || who == nullptr) return std::nullopt;
  const std::uint64_t wait_ms = endpoint.host()->wait_for_message_ms(client, *who);
  if (wait_ms == 0) return std::nullopt;
  return RpcError{
      .code = rpc::kRateLimited,
      .message = fmt::format("Too many requests; try again in {} s.", (wait_ms + 999) / 1000),
      .data = fmt::format(R"({{"code":"rate_limited","retry_after_ms":{}}})", wait_ms)};
}

// Whose a WebSocket is, as of its handshake.
struct Opening {
  McpEndpoint& endpoint;
  McpOwner owner;
  ClientAddress client;
  ClientPlaces::Place place;  // among the client's streams
};

Task<void> run_websocket(Opening* opening, WebSocket* socket) {
  McpEndpoint* const endpoint = &opening->endpoint;
  const PrincipalPtr who = opening->owner.who;
  const auto opened =
      endpoint->open_session(McpSession::Kind::connection, std::move(opening->owner));
  if (!opened) {
    socket->close(1013, opened.error().message);
    WsMessage last;
    while (co_await socket->receive(last)) {
    }
    co_return;
  }
  ConnectionSession session(*endpoint, **opened);
  const CloseWhenOver over(*endpoint, *socket, who);
  Scope writing(endpoint->reactor());
  writing.spawn(write_messages(&session, socket, &writing));
  WsMessage message;
  Buffer text;  // the parser reads behind a message's end
  while (co_await socket->receive(message)) {
    if (message.opcode != WsOpcode::text) {
      socket->close(1003, "Messages are text.");
      continue;
    }
    if (over.ended()) continue;
    text.append(message.payload);
    session.receive(text.view(), over.who(), too_soon(*endpoint, opening->client, over.who()));
    text.release();
    // A client that does not read what it asked for is not listened to.
    if (!co_await session.session().main().room(writing)) break;
  }
  session.session().main().finish();
  co_await writing.join();
}

// --- standard input and output ---

Task<void> write_lines(ConnectionSession* session, Scope* scope) {
  for (;;) {
    const McpStream::Fetched next = co_await session->next();
    std::string_view rest = next.bytes;
    while (!rest.empty()) {
      Operation operation{.code = OpCode::write, .fd = Descriptor::ordinary(STDOUT_FILENO)};
      operation.data = const_cast<char*>(rest.data());
      operation.size = static_cast<std::uint32_t>(rest.size());
      const std::int32_t written = co_await SocketOperation(*scope, operation);
      if (written <= 0) {
        scope->cancel();
        co_return;
      }
      rest.remove_prefix(static_cast<std::size_t>(written));
    }
    if (next.gone || next.finished) co_return;
  }
}

// The input, line by line. A line that is too long is refused once, and passed over to its end.
class Lines {
 public:
  Lines(ConnectionSession& session, std::size_t most_bytes)
      : session_(session), most_bytes_(most_bytes) {}

  Buffer& input() { return input_; }

  // Takes whole lines off; false if the scope was cancelled meanwhile.
  Task<bool> take(Scope& scope) {
    for (;;) {
      const std::size_t end = input_.view().find('\n');
      if (end == std::string_view::npos) break;
      if (!std::exchange(skipping_, false)) receive(input_.view().substr(0, end));
      input_.consume(end + 1);
      // A client that does not read what it asked for is not listened to.
      if (!co_await session_.session().main().room(scope)) co_return false;
    }
    if (skipping_) input_.consume(input_.size());
    if (input_.size() > most_bytes_) {
      refuse();
      skipping_ = true;
      input_.release();
    }
    co_return true;
  }

  // What is left at the end of the input is a line too.
  void finish() {
    if (!skipping_ && !input_.empty()) receive(input_.view());
  }

 private:
  void receive(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > most_bytes_) return refuse();
    if (!line.empty()) session_.receive(line, nullptr);
  }
  void refuse() {
    std::string json;
    append_rpc_error(json, {},
                     {.code = rpc::kInvalidRequest,
                      .message = "This line is longer than mcp.max_message_bytes."});
    session_.session().main().push(json);
  }

  ConnectionSession& session_;
  std::size_t most_bytes_;
  Buffer input_;
  bool skipping_ = false;
};

Task<void> read_lines(McpEndpoint& endpoint, ConnectionSession& session, Scope& scope) {
  Lines lines(session, endpoint.options().max_message_bytes);
  for (;;) {
    Buffer& input = lines.input();
    const std::span<char> room = input.room(kReadBytes);
    Operation operation{.code = OpCode::read, .fd = Descriptor::ordinary(STDIN_FILENO)};
    operation.data = room.data();
    operation.size = static_cast<std::uint32_t>(kReadBytes);
    const std::int32_t got = co_await SocketOperation(scope, operation);
    if (got <= 0) break;
    input.grown(static_cast<std::size_t>(got));
    if (!co_await lines.take(scope)) break;
  }
  lines.finish();
}

}  // namespace

namespace {

bool may_open(HttpExchange& exchange, PrincipalPtr who, Opening& opening) {
  const McpHeaders headers(exchange.head(), std::move(who));
  McpHost* const host = opening.endpoint.host();
  if (refuse_origin(opening.endpoint, exchange, headers)) return false;
  if (host != nullptr && host->refuse_stream(exchange, opening.place)) return false;
  opening.owner = owner_of(headers);
  return !refuse_session(opening.endpoint, exchange, {}, opening.owner);
}

}  // namespace

bool is_mcp_websocket(const RequestHead& head) { return head.wants_upgrade("websocket"); }

WebSocketOptions mcp_websocket_options(WebSocketOptions options, const McpOptions& mcp) {
  options.subprotocols = kSubprotocols;
  options.limits = {.max_message_bytes = mcp.max_message_bytes,
                    .max_frame_bytes = mcp.max_message_bytes};
  return options;
}

Task<void> serve_mcp_websocket(McpEndpoint& endpoint, HttpExchange& exchange,
                               const WebSocketOptions& options, PrincipalPtr who) {
  Opening opening{.endpoint = endpoint, .owner = {}, .client = exchange.client(), .place = {}};
  if (!may_open(exchange, std::move(who), opening)) co_return;
  Opening* const its = &opening;
  co_await serve_websocket(
      exchange, [its](WebSocket& socket) { return run_websocket(its, &socket); }, options);
}

Task<void> serve_mcp_stdio(McpEndpoint& endpoint, Scope& scope) {
  const auto opened = endpoint.open_session(McpSession::Kind::connection, {});
  if (!opened) co_return;
  ConnectionSession session(endpoint, **opened);
  Scope writing(endpoint.reactor());
  writing.spawn(write_lines(&session, &scope));
  co_await read_lines(endpoint, session, scope);
  // What has been asked is answered, unless we are told to end.
  while (session.session().busy() && co_await scope.sleep(5'000'000)) {
  }
  session.session().main().finish();
  co_await writing.join();
}

}  // namespace ringcast
