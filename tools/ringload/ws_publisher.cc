#include "tools/ringload/ws_publisher.h"

namespace ringcast::load {

void WsPublisher::start(const SocketOptions& socket) {
  const std::string name = options().topic_prefix + ".0";
  std::string request;
  render_handshake(options().target, ws().publish_path.empty() ? ws().path : ws().publish_path,
                   {.topic = name, .event = options().event}, request);
  dial(address_, socket, std::move(request));
}

void WsPublisher::publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) {
  text_.clear();
  substitute(ws().publish_message,
             {.topic = topic, .payload = payload(codec, stamp), .event = options().event}, text_);
  sent_at_.push_back(loop().clock_ns());
  write(WsOpcode::text, text_);
}

void WsPublisher::on_data(const WsMessage& message) {
  if (ws().publish_answer.empty() || !message.payload.contains(ws().publish_answer)) return;
  if (sent_at_.empty()) return end("the server answers what was not asked");
  take_answer(arrived_ns());
  owner().on_free(*this);
}

void WsPublisher::on_written() {
  if (!ws().publish_answer.empty()) return;
  while (!sent_at_.empty()) take_answer(loop().now_ns());
  owner().on_free(*this);
}

}  // namespace ringcast::load
