#include "tools/ringload/ws_subscriber.h"

#include "net/http_client.h"
#include "tools/ringload/fleet.h"

namespace ringcast::load {

void WsSubscriber::start(const Address& to, const SocketOptions& options) {
  const std::string name = fleet().topic_name(topic());
  const std::string id = percent_encode(last_id());
  const Target& target = fleet().options().target;
  std::string request;
  render_handshake(target, id.empty() ? target.ws.path : target.ws.resume.path,
                   {.topic = name, .event = fleet().options().event, .last_id = id}, request);
  dial(to, options, std::move(request));
}

void WsSubscriber::on_open() {
  const WsTarget& ws = fleet().options().target.ws;
  const std::string& ask = last_id().empty() || ws.resume.send.empty() ? ws.send : ws.resume.send;
  if (!ask.empty()) {
    const std::string name = fleet().topic_name(topic());
    std::string text;
    substitute(ask, {.topic = name, .event = fleet().options().event, .last_id = last_id()}, text);
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

void ResumingWsSubscriber::on_data(const WsMessage& message) {
  const std::string& mark = fleet().options().target.ws.resume.id;
  if (const std::size_t at = message.payload.find(mark); at != std::string_view::npos) {
    const std::string_view rest = message.payload.substr(at + mark.size());
    last_id_ = rest.substr(0, rest.find('"'));
  }
  WsSubscriber::on_data(message);
}

}  // namespace ringcast::load
