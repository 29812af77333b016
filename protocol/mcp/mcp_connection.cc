#include "protocol/mcp/mcp_connection.h"

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
  void receive(std::string_view text) {
    if (const auto wrong = receive_message(endpoint_, session_, text, session_.main())) {
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

Task<void> run_websocket(McpEndpoint* endpoint, WebSocket* socket, std::string principal) {
  const auto opened = endpoint->open_session(McpSession::Kind::connection, principal);
  if (!opened) {
    socket->close(1013, opened.error().message);
    WsMessage last;
    while (co_await socket->receive(last)) {
    }
    co_return;
  }
  ConnectionSession session(*endpoint, **opened);
  Scope writing(endpoint->reactor());
  writing.spawn(write_messages(&session, socket, &writing));
  WsMessage message;
  Buffer text;  // the parser reads behind a message's end
  while (co_await socket->receive(message)) {
    if (message.opcode != WsOpcode::text) {
      socket->close(1003, "Messages are text.");
      continue;
    }
    text.append(message.payload);
    session.receive(text.view());
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
    if (!line.empty()) session_.receive(line);
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

Task<void> nothing() { co_return; }

}  // namespace

bool is_mcp_websocket(const RequestHead& head) { return head.wants_upgrade("websocket"); }

WebSocketOptions mcp_websocket_options(WebSocketOptions options, const McpOptions& mcp) {
  options.subprotocols = kSubprotocols;
  options.limits = {.max_message_bytes = mcp.max_message_bytes,
                    .max_frame_bytes = mcp.max_message_bytes};
  return options;
}

Task<void> serve_mcp_websocket(McpEndpoint& endpoint, HttpExchange& exchange,
                               const WebSocketOptions& options) {
  const McpHeaders headers(exchange.head());
  if (refuse_origin(endpoint, exchange, headers)) return nothing();
  std::string principal = principal_of(headers);
  McpEndpoint* const here = &endpoint;
  return serve_websocket(
      exchange,
      [here, principal](WebSocket& socket) { return run_websocket(here, &socket, principal); },
      options);
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
