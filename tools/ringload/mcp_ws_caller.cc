#include "tools/ringload/mcp_ws_caller.h"

#include <fmt/format.h>

#include "tools/ringload/mcp_requests.h"
#include "tools/ringload/response_reader.h"

namespace ringcast::load {

void McpWsCaller::start(const SocketOptions& socket) {
  std::string request;
  render_handshake(options().target, options().mcp.path, {}, request);
  dial(address_, socket, std::move(request));
}

void McpWsCaller::on_open() {
  if (options().mcp.era == McpEra::legacy) return write(WsOpcode::text, initialize_message());
  ready_ = true;
  owner().on_free(*this);
}

void McpWsCaller::publish(std::string_view, const StampCodec& codec, const Stamp& stamp) {
  write(WsOpcode::text, call_.with(begin(stamp), codec, stamp));
}

void McpWsCaller::on_data(const WsMessage& message) {
  if (!ready_) return take_initialize(message.payload);
  if (unanswered() != 0) take_answer_to_call(message.payload);
  if (free()) owner().on_free(*this);
}

void McpWsCaller::take_initialize(std::string_view message) {
  const bool read = answer_.read_message(message);
  if (read && !answer_.is_response()) return;
  if (!read || answer_.protocol_version().empty()) {
    return end(fmt::format("the answer to initialize has no protocolVersion: {}",
                           message.substr(0, ResponseReader::kBodyBytesKept)));
  }
  write(WsOpcode::text, initialized_message());
  ++totals().sessions;
  ready_ = true;
  owner().on_free(*this);
}

void McpWsCaller::take_answer_to_call(std::string_view message) {
  if (pattern_.matches(message, call_.id(), call_.argument())) {
    return conclude(McpOutcome::right, {});
  }
  McpOutcome outcome = McpOutcome::malformed;
  if (answer_.read_message(message)) {
    if (!answer_.is_response()) return;  // a notification
    outcome = answer_.judge(call_.id(), call_.argument());
  }
  if (outcome == McpOutcome::right) {
    if (totals().answer_bytes == 0) totals().answer_bytes = message.size();
    pattern_.learn(message, call_.id(), call_.argument());
  }
  conclude(outcome, message);
}

}  // namespace ringcast::load
