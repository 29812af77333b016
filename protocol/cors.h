// Cross-origin reads (Fetch Standard, §3.2): which pages on other origins may use this server.
#pragma once

#include "net/http_exchange.h"
#include "protocol/config.h"

namespace ringcast {

// Adds the headers that let the request's origin read the response, if it is allowed to.
void allow_origin(HttpExchange& exchange, const Config& config);

// Answers OPTIONS: a preflight if it is one, else which methods there are.
void answer_options(HttpExchange& exchange, std::string_view methods);

}  // namespace ringcast
