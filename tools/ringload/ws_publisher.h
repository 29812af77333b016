// A publisher over WebSocket: each event is a message made of the target's template.
//
// Where the target names no answer, an event counts as answered once it has been sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/publisher.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

class WsPublisher final : public Publisher, public WsConnection {
 public:
  WsPublisher(PublisherOwner& owner, Loop& loop, std::size_t ring, const Options& options,
              const Address& address, std::uint32_t index)
      : Publisher(owner, options, index), WsConnection(loop, ring), address_(address) {}

  void start(const SocketOptions& socket) override;
  bool free() const override { return is_open() && sent_at_.size() < options().pipeline; }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;

 private:
  const WsTarget& ws() const { return options().target.ws; }
  void on_open() override { owner().on_free(*this); }
  void on_data(const WsMessage& message) override;
  void on_written() override;
  void on_ended(std::string message) override { owner().on_failed(*this, std::move(message)); }

  const Address& address_;
  std::string text_;
};

}  // namespace ringcast::load
