// Publishing over HTTP.
//
//   POST /api/events/{topic}?event=TYPE&id=ID   the body is the data     → {"id","topic"}
//   POST /api/events/{topic}?stream=lines       each line is an event    → {"count","id","topic"}
//   POST /api/events                            NDJSON or a JSON array   → [{"id","topic"},…]
#pragma once

#include <string_view>

#include "net/http_exchange.h"
#include "protocol/service.h"

namespace ringcast {

// `topic` as it stands in the path, not yet decoded.
Task<void> publish_to_topic(Service& service, HttpExchange& exchange, std::string_view topic);
Task<void> publish_batch(Service& service, HttpExchange& exchange);

}  // namespace ringcast
