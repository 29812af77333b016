// Streams over HTTP, as server-sent events (HTML Living Standard, §9.2) or, for whoever asks for
// them, as lines of JSON (protocol/lines_form.h): what a request asks for, and the hand-over of its
// socket to the hub.
//
// The response of events ends with the connection, without chunks: the log's bytes are sent as they
// are, and HTTP/1.0 proxies (nginx by default) get the same stream.
#pragma once

#include <string>
#include <string_view>

#include "net/http_exchange.h"
#include "protocol/service.h"

namespace ringcast {

// GET /events: topics, patterns and filter come from the query.
Task<void> serve_events(Service& service, HttpExchange& exchange);

// A named stream: `topic` is what it is called, `greeting` what a subscriber gets first, as JSON.
Task<void> serve_topic(Service& service, HttpExchange& exchange, std::string topic,
                       std::string_view greeting = {});

}  // namespace ringcast
