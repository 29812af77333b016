// The opening handshake of WebSocket, the client's side (RFC 6455 §4.1).
//
//   const std::string key = random_websocket_key();
//   const auto headers = upgrade_headers(key, compress);     // … of a GET
//   const auto agreed = read_upgrade_answer(response, key, compress);
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_client.h"
#include "net/websocket_deflate.h"

namespace ringcast {

// 16 random bytes in base64.
std::string random_websocket_key();

// What such a request has beside Host; permessage-deflate is offered if `compress` is set.
std::vector<ClientHeader> upgrade_headers(std::string_view key, bool compress);

// Checks a response of status 101: it switches to WebSocket, knew our key, and chose nothing that
// was not offered. Gives what was agreed on about compression: nothing if there is none. Error:
// bad_upgrade.
Result<std::optional<DeflateParameters>> read_upgrade_answer(const ClientResponse& response,
                                                             std::string_view key, bool compress);

}  // namespace ringcast
