// Who may do what.
//
// One question, asked before a connection gets anything: so that whatever answers it, tokens in the
// configuration now, can be replaced in one place.
#pragma once

#include <optional>

#include "net/http_exchange.h"
#include "net/http_status.h"
#include "protocol/config.h"

namespace ringcast {

enum class Permission : std::uint8_t { websocket, mcp, admin };

// Nothing if the request may, else the refusal: 401 without a token (`Authorization: Bearer`,
// RFC 6750 §2.1, or `?token=` for browsers, which cannot set the header), 403 with one that does
// not do, and 403 for administering from elsewhere than loopback where no token is configured.
std::optional<HttpError> refuse_access(const HttpExchange& exchange, const Config& config,
                                       Permission permission);

}  // namespace ringcast
