// WebSockets (RFC 6455): which path is for what, and the hand-over of the socket to the hub.
//
//   /ws                      ?topic=… as for /events
//   /ws/{client_id}          and the topic client.{client_id}
//   /ws/process/{session}    and the topic progress.{session}
//   /ws/jobs                 and the topics jobs.*, or jobs.{job_id}
//   /ws/agent/{session}      commands for the worker of a session
//   /ws/collab[orative]      rooms
//   /ws/admin                the server itself
#pragma once

#include <string_view>

#include "net/http_exchange.h"
#include "protocol/service.h"

namespace ringcast {

bool is_websocket_path(std::string_view path);

Task<void> serve_websocket(Service& service, HttpExchange& exchange);

}  // namespace ringcast
