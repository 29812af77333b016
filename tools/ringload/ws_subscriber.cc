#include "tools/ringload/ws_subscriber.h"

#include "tools/ringload/fleet.h"

namespace ringcast::load {

void WsSubscriber::start(const Address& to, const SocketOptions& options) {
  const std::string name = fleet().topic_name(topic());
  const Target& target = fleet().options().target;
  std::string request;
  render_handshake(target, target.ws.path, {.topic = name, .event = fleet().options().event},
                   request);
  dial(to, options, std::move(request));
}

void WsSubscriber::on_open() {
  const WsTarget& ws = fleet().options().target.ws;
  if (!ws.send.empty()) {
    const std::string name = fleet().topic_name(topic());
    std::string text;
    substitute(ws.send, {.topic = name, .event = fleet().options().event}, text);
    write(WsOpcode::text, text);
  }
  if (slow()) stop_reading();
  if (slow() || ws.ready.empty()) ready();
}

void WsSubscriber::on_data(const WsMessage& message) {
  Stamp stamp;
  if (stamps_.find(fleet().arrivals().codec, message.payload, stamp)) [[likely]] {
    take_stamp(stamp);
  } else {
    read_other(message.payload);
  }
}

void WsSubscriber::read_other(std::string_view text) {
  const WsTarget& ws = fleet().options().target.ws;
  if (!counted()) {
    if (text.contains(ws.ready)) ready();
  } else if (!ws.gap.empty() && text.contains(ws.gap)) {
    take_gap();
  } else {
    take_foreign();
  }
}

}  // namespace ringcast::load
