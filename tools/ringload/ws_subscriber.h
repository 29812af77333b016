// A subscriber over WebSocket: events are the messages that have a stamp in them, wherever it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/subscriber.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

class WsSubscriber : public Subscriber, public WsConnection {
 public:
  WsSubscriber(Fleet& fleet, Loop& loop, std::size_t ring, std::uint32_t topic, bool slow)
      : Subscriber(fleet, topic, slow), WsConnection(loop, ring) {}

  void start(const Address& to, const SocketOptions& options) override;
  void leave() override { abandon(); }

 protected:
  void on_data(const WsMessage& message) override;

 private:
  void on_open() override;
  void on_receive(std::size_t bytes) override { count_receive(bytes, arrived_ns()); }
  void on_ended(std::string message) override { failed(std::move(message)); }
  void on_abandoned() override { left(); }

  void read_other(std::string_view text);

  StampFinder stamps_;
};

// One that remembers the id of its last message, and goes on behind it when it starts again.
class ResumingWsSubscriber final : public WsSubscriber {
 public:
  using WsSubscriber::WsSubscriber;

  std::string_view last_id() const override { return last_id_; }

 private:
  void on_data(const WsMessage& message) override;

  std::string last_id_;
};

}  // namespace ringcast::load
