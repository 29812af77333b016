#include "tools/ringload/mcp_http_caller.h"

#include <fmt/format.h>

namespace ringcast::load {

McpHttpCaller::McpHttpCaller(const Shared& shared, std::uint32_t index, std::size_t ring)
    : McpCaller(shared, index),
      McpConnection(shared.loop, ring, shared.options, shared.address, shared.arrivals),
      wanted_(1) {
  const McpOptions& mcp = shared.options.mcp;
  const std::uint32_t callers = shared.options.publishers;
  if (mcp.era == McpEra::legacy) wanted_ = (mcp.sessions - index + callers - 1) / callers;
  calls_.reserve(wanted_);
}

void McpHttpCaller::add_call(const McpSession& session) {
  const CallMessage message = call_message(options());
  calls_.emplace_back(message,
                      call_head(options(), options().mcp.path, session, message.text.size()),
                      options().size);
}

void McpHttpCaller::on_open() {
  if (calls_.size() == wanted_) return;
  options().mcp.era == McpEra::modern ? add_call({}) : open_session();
}

void McpHttpCaller::on_session(const McpSession& session) {
  add_call(session);
  ++totals().sessions;
  if (calls_.size() != wanted_) open_session();
}

void McpHttpCaller::publish(std::string_view, const StampCodec& codec, const Stamp& stamp) {
  current_ = current_ + 1 == calls_.size() ? 0 : current_ + 1;
  ask(calls_[current_].with(begin(stamp), codec, stamp));
}

bool McpHttpCaller::on_expected(std::string_view bytes) {
  const McpCall& call = calls_[current_];
  if (!pattern_.matches(bytes, call.id(), call.argument())) return false;
  conclude(McpOutcome::right, {});
  return true;
}

void McpHttpCaller::on_answer(const ResponseReader& response, std::string_view bytes) {
  const bool raw = options().mcp.raw;
  const McpOutcome outcome = raw ? judge_raw(response) : judge(response);
  if (outcome == McpOutcome::right) {
    if (totals().answer_bytes == 0) totals().answer_bytes = response.body_bytes();
    const McpCall& call = calls_[current_];
    if (bytes.empty() || response.close()) {
      // What came in pieces says nothing of what is to be expected.
    } else if (raw) {
      pattern_.learn_length(bytes, response.body_bytes());
    } else {
      pattern_.learn(bytes, call.id(), call.argument());
    }
    return conclude(outcome, {});
  }
  conclude(outcome, fmt::format("{} {}", response.status(), response.body()));
}

McpOutcome McpHttpCaller::judge(const ResponseReader& response) {
  if (response.status() != 200) return McpOutcome::refused;
  if (!answer().read(response.head()->content_type, response.body())) return McpOutcome::malformed;
  const McpCall& call = calls_[current_];
  return answer().judge(call.id(), call.argument());
}

McpOutcome McpHttpCaller::judge_raw(const ResponseReader& response) {
  if (response.status() != 200) return McpOutcome::refused;
  const std::uint64_t known = totals().answer_bytes;
  return known == 0 || response.body_bytes() == known ? McpOutcome::right : McpOutcome::altered;
}

}  // namespace ringcast::load
