// A command's end of a WebSocket (RFC 6455, RFC 7692): the handshake, text messages both ways.
//
//   WebSocketClient socket(*scope, {});
//   if (auto opened = co_await socket.open(endpoint, "/ws?topic=a"); !opened) …
//   socket.queue(R"({"type":"ping"})");
//   for (;;) {
//     for (std::string_view text; socket.take(text);) use(text);
//     if (auto filled = co_await socket.fill(); !filled) break;
//   }
//
// Pings are answered; a server that says nothing for half of `silence_ms` is pinged. Errors are
// those of HttpClient, and: refused (no 101: status() says what instead), bad_upgrade, bad_frames,
// closed (with a close frame), silent. One task at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "net/websocket_inflater.h"
#include "net/websocket_reader.h"
#include "tools/ringcast/cli_client.h"

namespace ringcast {

struct WebSocketClientOptions {
  std::int64_t silence_ms = 60'000;  // without a byte: the connection is lost; 0: never
  bool compress = false;             // offer it
};

class WebSocketClient {
 public:
  static constexpr std::uint64_t kMessageBytesMax = std::uint64_t{64} << 20;

  WebSocketClient(Scope& scope, const WebSocketClientOptions& options);

  // Connects and shakes hands; closes what was open before.
  Task<Result<void>> open(const Endpoint* endpoint, std::string path);
  // Of the response that was no 101; 0 if there was none.
  int status() const { return refused_.status; }
  const ClientResponse& response() const { return refused_; }
  bool compressed() const { return inflater_.has_value(); }

  // A text message for the server, with the next flush() or fill().
  void queue(std::string_view text);
  // Sends what is queued.
  Task<Result<void>> flush();

  // The next message that is there; good until the next call of anything here.
  bool take(std::string_view& text);
  // Waits for more bytes, for all messages before were taken; at most so long. Error also:
  // timed_out.
  Task<Result<void>> fill(std::int64_t limit_ms = HttpClient::kNoLimit);

  // Says goodbye if that is possible at once, and ends the connection.
  void close();

  Scope& scope() { return scope_; }

 private:
  void queue_frame(WsOpcode opcode, std::string_view payload);
  Task<Result<void>> shake_hands(const Endpoint* endpoint, std::string path);
  Task<Result<std::string_view>> wait(std::int64_t limit_ms);
  Result<void> settle() const;  // what ended it, if something did
  std::int64_t now_ns() { return scope_.reactor().driver().now_ns(); }

  Scope& scope_;
  WebSocketClientOptions options_;
  HttpClient client_;
  ClientResponse refused_;
  std::optional<Inflater> inflater_;
  std::optional<WebSocketReader> reader_;  // while the connection speaks WebSocket
  std::string waiting_;                    // frames for the next send
  std::string under_way_;
  std::string farewell_;       // how the server closed it
  std::int64_t heard_ns_ = 0;  // when something came last
  bool pinged_ = false;        // since then
  bool closed_ = false;
};

}  // namespace ringcast
