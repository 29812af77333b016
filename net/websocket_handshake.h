// The opening handshake of WebSocket, the server's side (RFC 6455 §4.2).
//
//   const auto upgrade = read_upgrade(exchange.head());
//   if (!upgrade) return refuse_upgrade(exchange, upgrade.error());
//   const auto deflate = negotiate_deflate(exchange.head(), policy);
//   … send upgrade_response(*upgrade, subprotocol, deflate)
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "net/http_exchange.h"
#include "net/http_head.h"
#include "net/http_status.h"
#include "net/websocket_deflate.h"

namespace ringcast {

// A request that may be answered with 101. The views point into the head.
struct WsUpgrade {
  const RequestHead* head = nullptr;
  std::string_view key;  // Sec-WebSocket-Key

  // Subprotocol names are compared as they are written (RFC 6455 §4.2.2).
  bool offers_subprotocol(std::string_view name) const;
  // The first that the client names and we have; empty if there is none.
  std::string_view choose_subprotocol(std::span<const std::string_view> ours) const;
};

// True if the request names `websocket` in Upgrade: whoever asks for it wants no other answer than
// that of read_upgrade().
bool wants_upgrade(const RequestHead& head);

// Checks a request. Errors: 405 if it is not a GET; 426 if it asks for no upgrade to WebSocket (as
// HTTP/1.0 cannot) or for another version than 13; 400 for everything else: Connection without
// `upgrade`, Sec-WebSocket-Key that is not exactly one of 16 bytes in base64, Sec-WebSocket-Version
// more than once, subprotocols or extensions that break the grammar, a body.
HttpResult<WsUpgrade> read_upgrade(const RequestHead& head);

// Answers with such an error and the headers that belong to its status: Allow, or Upgrade and
// Sec-WebSocket-Version.
void refuse_upgrade(HttpExchange& exchange, const HttpError& error);

// The head of the 101, empty line included. `subprotocol`: empty, or one that the client offered.
// `headers` beyond those of the handshake; names are tokens, values without control characters.
std::string upgrade_response(const WsUpgrade& upgrade, std::string_view subprotocol = {},
                             const std::optional<DeflateParameters>& deflate = {},
                             std::span<const ResponseHeader> headers = {});

// Sec-WebSocket-Accept for a key: base64 of SHA-1 (RFC 6455 §4.2.2, step 5.4).
std::string accept_for_key(std::string_view key);

}  // namespace ringcast
