// A subscriber over WebSocket: events are the messages that have a stamp in them, wherever it is.
#pragma once

#include <cstdint>
#include <string>

#include "tools/ringload/subscriber.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

class WsSubscriber final : public Subscriber, public WsConnection {
 public:
  WsSubscriber(Fleet& fleet, Loop& loop, std::size_t ring, std::uint32_t topic, bool slow)
      : Subscriber(fleet, topic, slow), WsConnection(loop, ring) {}

  void start(const Address& to, const SocketOptions& options) override;

 private:
  void on_open() override;
  void on_receive(std::size_t bytes) override { count_receive(bytes, loop().now_ns()); }
  void on_data(const WsMessage& message) override;
  void on_ended(std::string message) override { failed(std::move(message)); }

  void read_other(std::string_view text);

  StampFinder stamps_;
};

}  // namespace ringcast::load
