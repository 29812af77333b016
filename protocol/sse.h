// Streams over server-sent events (HTML Living Standard, §9.2): what a request asks for, and the
// hand-over of its socket to the hub.
//
// The response ends with the connection, without chunks: the log's bytes are sent as they are, and
// HTTP/1.0 proxies (nginx by default) get the same stream.
#pragma once

#include <string>
#include <string_view>

#include "net/http_exchange.h"
#include "protocol/service.h"

namespace ringcast {

// GET /events: topics, patterns and filter come from the query.
Task<void> serve_events(Service& service, HttpExchange& exchange);

// A named stream: `topic` is what it is called, `greeting` what a subscriber gets first.
Task<void> serve_topic(Service& service, HttpExchange& exchange, std::string topic,
                       std::string_view greeting = {});

}  // namespace ringcast
