// Translates the configuration into the options of the layers below.
#include <sys/sysinfo.h>

#include "protocol/service.h"

namespace ringcast {
namespace {

TopicRules rules_of(const HistoryLimits& history) {
  return {.bytes = history.bytes,
          .events = history.events,
          .age_ms = static_cast<std::int64_t>(history.age_ms),
          .on_lag = history.on_lag == OnLag::kClose ? LagPolicy::close : LagPolicy::gap};
}

std::uint64_t machine_memory() {
  struct sysinfo info{};
  sysinfo(&info);
  return std::uint64_t{info.totalram} * info.mem_unit;
}

std::uint64_t memory_for_logs(const Config& config) {
  if (config.limits.log_memory_bytes != 0) return config.limits.log_memory_bytes;
  return machine_memory() / 2;
}

}  // namespace

HubOptions hub_options(const Config& config) {
  HubOptions options;
  options.sends_per_round = config.send.round;
  options.send_bytes = config.send.max_bytes;
  options.merge_bytes = std::min(config.send.max_bytes, options.merge_bytes);
  options.heartbeat_ms = static_cast<std::uint32_t>(config.sse.heartbeat_ms);
  options.ping_ms = static_cast<std::uint32_t>(config.ws.ping_ms);
  options.pong_timeout_ms = static_cast<std::uint32_t>(config.ws.pong_timeout_ms);
  options.send_timeout_ms = static_cast<std::uint32_t>(config.limits.send_timeout_ms);
  options.drain_retry_min_ms = static_cast<std::uint32_t>(config.drain.retry_min_ms);
  options.drain_retry_max_ms = static_cast<std::uint32_t>(config.drain.retry_max_ms);
  options.max_pattern_topics = config.limits.max_pattern_topics;
  return options;
}

TopicTableOptions table_options(const Config& config, unsigned homes) {
  auto rules = std::make_shared<TopicRulesTable>();
  rules->defaults = rules_of(config.history);
  for (const TopicRule& rule : config.topics) {
    rules->by_pattern.emplace_back(rule.match, rules_of(rule.history));
  }
  TopicRules room = rules->defaults;
  room.events = config.rooms.history;
  rules->by_pattern.emplace_back("room.*", room);
  TopicTableOptions options;
  options.rules = std::move(rules);
  options.max_topics = config.limits.max_topics;
  options.max_awaited_topics = config.limits.max_awaited_topics;
  options.memory_bytes = memory_for_logs(config) / homes;
  return options;
}

McpOptions mcp_options(const Config& config) {
  McpOptions options;
  options.max_message_bytes = config.mcp.max_message_bytes;
  options.max_sessions = config.mcp.max_sessions;
  options.max_sessions_per_client = config.mcp.max_sessions_per_client;
  options.session_timeout_ms = config.mcp.session_timeout_ms;
  options.keepalive_ms = config.mcp.keepalive_ms;
  options.ask_timeout_ms = config.mcp.ask_timeout_ms;
  options.max_calls = config.mcp.max_calls;
  options.max_subscriptions = config.mcp.max_subscriptions;
  options.max_listeners = config.mcp.max_listeners;
  options.stream.keep_bytes = config.mcp.replay_bytes;
  options.hosts = {"*"};
  if (!config.mcp.mount.empty()) options.mount = config.mcp.mount.front();
  return options;
}

HttpLimits http_limits(const Config& config) {
  HttpLimits limits;
  limits.head.max_request_line = config.limits.max_request_line_bytes;
  limits.head.max_head_bytes = config.limits.max_header_bytes;
  limits.head.max_headers = config.limits.max_headers;
  limits.header_timeout_ms = config.limits.header_timeout_ms;
  limits.body_timeout_ms = config.limits.body_timeout_ms;
  limits.idle_timeout_ms = config.limits.idle_timeout_ms;
  limits.send_timeout_ms = config.limits.send_timeout_ms;
  limits.min_body_bytes_per_s = config.limits.min_body_bytes_per_s;
  limits.receive_bytes_per_s = config.limits.receive_bytes_per_s;
  limits.send_bytes_per_s = config.limits.send_bytes_per_s;
  if (const std::uint32_t descriptors = config.ring.direct_descriptors; descriptors != 0) {
    limits.max_turned_away = std::min(limits.max_turned_away, descriptors / 16 + 1);
  }
  return limits;
}

std::uint64_t buffer_memory(const Config& config) {
  const std::uint64_t set = config.limits.buffer_memory_bytes;
  return set != 0 ? set : machine_memory() / 4;
}

Forwarding forwarding(const Config& config) {
  Forwarding result;
  result.header = config.net.forwarded;
  result.trusted.clear();
  for (const std::string& range : config.net.trusted_proxies) {
    result.trusted.push_back(*AddressRange::parse(range));
  }
  return result;
}

}  // namespace ringcast
