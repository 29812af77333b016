// Rooms over WebSocket: joining, leaving, presence, broadcasts and direct messages.
#pragma once

#include "net/http_head.h"
#include "protocol/ws_session.h"

namespace ringcast {

// `?room=NAME&name=WHO&last_event_id=ID`: as if the first message had been to join. Nothing happens
// without `room`.
void join_room_of_request(WsSession& session, const RequestHead& head);

}  // namespace ringcast
