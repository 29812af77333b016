// A WebSocket session on a server, as a program sees it (RFC 6455, RFC 7692).
//
//   Task<void> echo(WebSocket& socket) {
//     WsMessage message;
//     while (co_await socket.receive(message)) {
//       if (!co_await socket.send(message.opcode, message.payload)) co_return;
//     }
//   }
//   Task<void> handle(HttpExchange& exchange) { return serve_websocket(exchange, echo, options); }
//
// The session runs inside the handler, on the connection's own scope and socket. Pings are
// answered, the closing handshakes of both sides done, silent peers pinged and left, by themselves,
// while somebody receives. When the server drains, the peer is told so with code 1001.
//
// Idle, a session holds no buffer. What is sent is collected and goes out together once the
// reactor's turn is over.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "core/list.h"
#include "core/scope.h"
#include "core/socket.h"
#include "core/task.h"
#include "core/timer_wheel.h"
#include "net/buffer.h"
#include "net/http_exchange.h"
#include "net/receive_pace.h"
#include "net/websocket_deflate.h"
#include "net/websocket_frame.h"
#include "net/websocket_inflater.h"
#include "net/websocket_reader.h"

namespace ringcast {

struct WebSocketOptions {
  WsLimits limits{};
  DeflatePolicy deflate{};
  int deflate_level = 3;                     // 1 to 9, as zlib has them
  std::size_t deflate_from_bytes = 128;      // shorter messages are sent as they are
  std::uint64_t ping_after_ms = 30'000;      // of silence; 0: never
  std::uint64_t pong_timeout_ms = 10'000;    // of silence after the ping; then the connection ends
  std::uint64_t send_timeout_ms = 30'000;    // without progress; then the connection ends
  std::uint64_t close_timeout_ms = 5'000;    // for the closing handshake, from our close frame on
  std::size_t max_unsent_bytes = 256 << 10;  // while there are more, send() waits
  std::uint64_t receive_bytes_per_s = 0;     // 0: any
  LeastPace least_pace{};                    // of a message; then 1008
  std::span<const std::string_view> subprotocols = {};  // that the program speaks
};

class WebSocket final : DrainListener, Timer {
 public:
  class Receive;
  class Send;

  // The next message, text or binary; its payload is good until the next receive(). False at the
  // end: `message` is then the peer's close, or its like: 1006 if the connection broke, our own
  // code if the peer broke the protocol. One caller at a time.
  [[nodiscard]] Receive receive(WsMessage& message);

  // Queues a message, text or binary; the payload is copied (or compressed) before this returns.
  // Awaiting the result waits while more than max_unsent_bytes are queued. False: the session is
  // closing or has ended, and the message goes nowhere. Text has to be UTF-8.
  [[nodiscard]] Send send(WsOpcode opcode, std::string_view payload);

  // Begins the closing handshake: nothing is sent after it. The peer's messages still come, until
  // receive() gives false.
  void close(std::uint16_t code, std::string_view reason = {});

  // Of those of the options the one that was agreed on; empty if none was.
  std::string_view subprotocol() const { return subprotocol_; }
  bool compressed() const { return compressed_; }
  // For coroutines beside the one that receives. They have to end when send() gives false: the
  // session waits for them.
  Scope& scope() const { return socket_.scope(); }

 private:
  friend Task<void> serve_websocket(HttpExchange& exchange,
                                    std::function<Task<void>(WebSocket&)> serve,
                                    const WebSocketOptions& options);
  enum class Taken : std::uint8_t { message, nothing, end };

  struct Agreed {
    std::optional<DeflateParameters> deflate;
    std::string_view subprotocol;
  };

  static Task<bool> accept(HttpExchange& exchange, const WebSocketOptions& options, Agreed& agreed);
  WebSocket(HttpExchange& exchange, const WebSocketOptions& options, const Agreed& agreed);
  ~WebSocket();
  Task<void> finish();

  Taken take(WsMessage& message);
  Taken end(WsMessage& message, std::uint16_t code, std::string_view reason);
  Task<bool> receive_more(WsMessage* message);
  Task<std::int32_t> fill();

  bool sendable() const { return !closing_ && !ended_ && !broken_; }
  bool has_room() const { return out_.size() + sending_.size() <= options_.max_unsent_bytes; }
  void append_frame(WsOpcode opcode, std::string_view payload);
  bool append_compressed(WsOpcode opcode, std::string_view payload);
  void wake_writer();
  void wake_senders();
  Task<void> write();

  void draining() override;
  static void expired(Timer& timer);
  void look_after(std::int64_t now_ns);
  Reactor& reactor() const { return socket_.scope().reactor(); }
  std::int64_t after_ms(std::uint64_t ms) const;

  HttpExchange& exchange_;
  const WebSocketOptions& options_;
  Socket socket_;
  std::string_view subprotocol_;
  std::unique_ptr<Inflater> own_inflater_;  // where it keeps its context
  std::unique_ptr<Deflater> own_deflater_;
  Deflater* deflater_ = nullptr;
  WebSocketReader reader_;
  Buffer in_;       // what the reader has been fed
  Buffer out_;      // frames to send
  Buffer sending_;  // with the kernel
  ReceivePace pace_;
  MessagePace message_pace_;
  List<Send> senders_;
  std::int64_t heard_ns_;       // when something came in last
  std::int64_t pinged_ns_ = 0;  // when a ping was sent last
  std::size_t ahead_ = 0;       // bytes to receive at once in memory of our own; 0: in the core's
  std::uint16_t end_code_ = 0;
  bool compressed_ = false;
  bool receiving_ = false;
  bool writing_ = false;
  bool closing_ = false;  // our close frame is queued
  bool ended_ = false;    // nothing more comes in
  bool broken_ = false;   // nothing more goes out
};

class [[nodiscard]] WebSocket::Receive {
 public:
  Receive(WebSocket& socket, WsMessage& message) : socket_(socket), message_(message) {}

  bool await_ready() {
    taken_ = socket_.take(message_);
    return taken_ != Taken::nothing;
  }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> handle) {
    more_ = socket_.receive_more(&message_);
    return std::move(more_).operator co_await().await_suspend(handle);
  }
  bool await_resume() {
    if (taken_ != Taken::nothing) return taken_ == Taken::message;
    return std::move(more_).operator co_await().await_resume();
  }

 private:
  WebSocket& socket_;
  WsMessage& message_;
  Taken taken_ = Taken::nothing;
  Task<bool> more_;
};

class [[nodiscard]] WebSocket::Send : public ListHook {
 public:
  Send(WebSocket& socket, bool queued) : socket_(socket), queued_(queued) {}

  bool await_ready() const { return !queued_ || socket_.broken_ || socket_.has_room(); }
  void await_suspend(std::coroutine_handle<> handle) {
    handle_ = handle;
    socket_.senders_.push_back(*this);
  }
  bool await_resume() const { return queued_ && !socket_.broken_; }

 private:
  friend class WebSocket;
  WebSocket& socket_;
  bool queued_;
  std::coroutine_handle<> handle_;
};

inline WebSocket::Receive WebSocket::receive(WsMessage& message) { return {*this, message}; }

// Serves a request that asks for a WebSocket: answers 101 and calls `serve`, or refuses it with
// what is wrong (net/websocket_handshake.h). When `serve` has returned, the session is closed with
// 1000 if it is not closed yet. `options` must outlive the session.
Task<void> serve_websocket(HttpExchange& exchange, std::function<Task<void>(WebSocket&)> serve,
                           const WebSocketOptions& options);

}  // namespace ringcast
