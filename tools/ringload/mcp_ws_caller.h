// A caller over WebSocket, subprotocol `mcp`: each JSON-RPC message is a text message. In the
// legacy era the connection is a session.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/answer_pattern.h"
#include "tools/ringload/mcp_answer.h"
#include "tools/ringload/mcp_call.h"
#include "tools/ringload/mcp_caller.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

class McpWsCaller final : public McpCaller, public WsConnection {
 public:
  McpWsCaller(const Shared& shared, std::uint32_t index, std::size_t ring)
      : McpCaller(shared, index),
        WsConnection(shared.loop, ring),
        address_(shared.address),
        call_(call_message(shared.options), {}, shared.options.size) {}

  void start(const SocketOptions& socket) override;
  bool free() const override { return ready_ && is_open() && unanswered() == 0; }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;

 private:
  void on_open() override;
  void on_data(const WsMessage& message) override;
  void on_receive(std::size_t bytes) override { arrivals().count_receive(bytes, arrived_ns()); }
  void on_ended(std::string message) override { fail(std::move(message)); }

  void take_initialize(std::string_view message);
  void take_answer_to_call(std::string_view message);

  const Address& address_;
  McpCall call_;
  McpAnswer answer_;
  AnswerPattern pattern_;
  bool ready_ = false;
};

}  // namespace ringcast::load
