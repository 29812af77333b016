// A caller over HTTP with SSE (revision 2024-11-05): the server names an endpoint on a stream, each
// call is a POST to it, and the answers come on the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/ringload/answer_pattern.h"
#include "tools/ringload/mcp_call.h"
#include "tools/ringload/mcp_caller.h"
#include "tools/ringload/mcp_connection.h"
#include "tools/ringload/mcp_event_stream.h"

namespace ringcast::load {

class McpSseCaller final : public McpCaller, public McpConnection {
 public:
  McpSseCaller(const Shared& shared, std::uint32_t index, std::size_t ring);

  void start(const SocketOptions& socket) override;
  bool free() const override { return phase_ == Phase::open && is_idle() && unanswered() == 0; }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;

 private:
  enum class Phase : std::uint8_t { endpoint, initialize, initialized, open };

  void on_open() override;
  void on_answer(const ResponseReader& response, std::string_view bytes) override;
  void on_idle() override;
  void on_ended(std::string message) override;

  void on_event(std::string_view type, std::string_view data);
  void take_endpoint(std::string_view uri);
  void take_initialize(std::string_view message);
  void take_answer_to_call(std::string_view message);
  void post(std::string_view message);

  const Address& address_;
  McpEventStream stream_;
  SocketOptions socket_;
  std::string path_;  // of the endpoint
  std::string text_;  // the request under way that is no call
  std::optional<McpCall> call_;
  AnswerPattern pattern_;
  Phase phase_ = Phase::endpoint;
  bool initialized_due_ = false;
};

}  // namespace ringcast::load
