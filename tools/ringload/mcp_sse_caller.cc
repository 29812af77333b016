#include "tools/ringload/mcp_sse_caller.h"

#include <fmt/format.h>

namespace ringcast::load {

McpSseCaller::McpSseCaller(const Shared& shared, std::uint32_t index, std::size_t ring)
    : McpCaller(shared, index),
      McpConnection(shared.loop, ring, shared.options, shared.address, shared.arrivals),
      address_(shared.address),
      stream_(
          shared.loop, ring, shared.arrivals,
          [this](std::string_view type, std::string_view data) { on_event(type, data); },
          [this](std::string message) { end(std::move(message)); }) {}

void McpSseCaller::start(const SocketOptions& socket) {
  socket_ = socket;
  stream_.start(address_, socket, stream_request(options(), {}));
}

void McpSseCaller::on_event(std::string_view type, std::string_view data) {
  if (has_ended()) return;
  if (type == "endpoint") return take_endpoint(data);
  if (type != "message") return;
  if (phase_ == Phase::initialize) return take_initialize(data);
  if (phase_ == Phase::open && unanswered() != 0) take_answer_to_call(data);
}

void McpSseCaller::take_endpoint(std::string_view uri) {
  if (phase_ != Phase::endpoint) return;
  // A path, or a whole URL; the server is the same in either case.
  const std::size_t host = uri.find("://");
  if (host != std::string_view::npos) {
    const std::size_t at = uri.find('/', host + 3);
    uri = at == std::string_view::npos ? "/" : uri.substr(at);
  }
  if (!uri.starts_with('/')) return end(fmt::format("the endpoint is no path: `{}`", uri));
  path_ = uri;
  phase_ = Phase::initialize;
  dial(socket_);
}

void McpSseCaller::on_open() {
  // Only of the first connection is this the front.
  if (phase_ == Phase::initialize && text_.empty()) post(initialize_message());
}

void McpSseCaller::post(std::string_view message) {
  text_ = post_request(options(), path_, {}, message);
  ask(text_);
}

void McpSseCaller::take_initialize(std::string_view message) {
  const bool read = answer().read_message(message);
  if (read && !answer().is_response()) return;
  if (!read || answer().protocol_version().empty()) {
    return end(fmt::format("the answer to initialize has no protocolVersion: {}",
                           message.substr(0, ResponseReader::kBodyBytesKept)));
  }
  phase_ = Phase::initialized;
  initialized_due_ = true;
  if (is_idle()) on_idle();
}

void McpSseCaller::on_answer(const ResponseReader& response, std::string_view) {
  const bool taken = response.status() >= 200 && response.status() <= 299;
  std::string said;
  if (!taken) said = fmt::format("{} {}", response.status(), response.body());
  if (phase_ == Phase::open) {
    if (!taken && unanswered() != 0) conclude(McpOutcome::refused, said);
    return;
  }
  if (!taken) return end(fmt::format("the answer to a POST of the session's opening is {}", said));
  if (phase_ != Phase::initialized || initialized_due_) return;
  const CallMessage message = call_message(options());
  call_.emplace(message, call_head(options(), path_, {}, message.text.size()), options().size);
  ++totals().sessions;
  phase_ = Phase::open;
}

void McpSseCaller::on_idle() {
  if (initialized_due_) {
    initialized_due_ = false;
    return post(initialized_message());
  }
  if (free()) owner().on_free(*this);
}

void McpSseCaller::publish(std::string_view, const StampCodec& codec, const Stamp& stamp) {
  ask(call_->with(begin(stamp), codec, stamp));
}

void McpSseCaller::take_answer_to_call(std::string_view message) {
  if (pattern_.matches(message, call_->id(), call_->argument())) {
    conclude(McpOutcome::right, {});
  } else {
    McpOutcome outcome = McpOutcome::malformed;
    if (answer().read_message(message)) {
      if (!answer().is_response()) return;  // a notification
      outcome = answer().judge(call_->id(), call_->argument());
    }
    if (outcome == McpOutcome::right) {
      if (totals().answer_bytes == 0) totals().answer_bytes = message.size();
      pattern_.learn(message, call_->id(), call_->argument());
    }
    conclude(outcome, message);
  }
  if (free()) owner().on_free(*this);
}

void McpSseCaller::on_ended(std::string message) {
  stream_.stop();
  fail(std::move(message));
}

}  // namespace ringcast::load
