// The server's settings: defaults here, then a YAML file, the environment and command-line
// overrides, in rising priority. What each key is called, allows and means stands once, in
// config_keys.cc.
//
// Names of members end in their unit; a size is in bytes, a time in milliseconds, 0 means
// "unlimited" or "off" only where the key's help says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "net/forwarded.h"
#include "protocol/listen_address.h"
#include "protocol/log.h"

namespace ringcast {

// What happens to a subscriber that falls out of the history.
enum class OnLag : uint8_t { kGap, kClose };

struct HistoryLimits {
  uint64_t bytes = uint64_t{1} << 20;
  uint64_t events = 10'000;
  uint64_t age_ms = 3'600'000;  // 0 = unlimited
  OnLag on_lag = OnLag::kGap;

  bool operator==(const HistoryLimits&) const = default;
};

// History of the topics that `match` (a glob, as in subscriptions) names. The first rule that
// matches counts; what the rule leaves out is already filled in from `history`.
struct TopicRule {
  std::string match;
  HistoryLimits history;

  bool operator==(const TopicRule&) const = default;
};

struct Limits {
  uint32_t max_connections = 100'000;
  uint32_t max_header_bytes = 16'384;
  uint32_t max_request_line_bytes = 8'192;
  uint32_t max_headers = 100;
  uint64_t max_event_bytes = uint64_t{1} << 20;
  uint64_t max_batch_bytes = uint64_t{8} << 20;
  uint32_t max_batch_events = 10'000;
  uint32_t max_topics = 100'000;
  uint32_t max_awaited_topics = 100'000;
  uint32_t max_topics_per_subscriber = 64;
  uint32_t max_pattern_topics = 10'000;
  uint64_t log_memory_bytes = 0;  // 0 = half of the machine's memory
  uint64_t header_timeout_ms = 10'000;
  uint64_t body_timeout_ms = 30'000;
  uint64_t idle_timeout_ms = 75'000;
  uint64_t send_timeout_ms = 30'000;
  uint64_t min_body_bytes_per_s = 240;          // 0 = any
  uint64_t receive_bytes_per_s = 0;             // of a connection; 0 = any
  uint64_t send_bytes_per_s = 0;                // of a connection; 0 = any
  uint64_t buffer_memory_bytes = 0;             // 0 = a quarter of the machine's memory
  uint32_t max_connections_per_client = 1'000;  // 0 = unlimited
  uint32_t max_streams_per_client = 1'000;      // 0 = unlimited
  bool rate_limiting = true;
  uint32_t requests_per_minute = 100;        // of a client; 0 = unlimited
  uint32_t requests_per_minute_per_key = 0;  // 0 = unlimited
  uint32_t auth_failures_per_minute = 100;   // of a client; 0 = unlimited
  uint32_t rate_buckets = 65'536;
  std::vector<std::string> exempt = {"127.0.0.0/8", "::1"};  // clients

  bool operator==(const Limits&) const = default;
};

struct Config {
  std::vector<ListenAddress> listen = {ListenAddress{}};
  std::vector<std::string> hosts;          // names it goes by, beside localhost; `*` = any
  std::vector<ListenAddress> agent_check;  // where HAProxy asks how we are; empty = nowhere
  struct Net {
    std::vector<std::string> trusted_proxies = {"127.0.0.0/8", "::1"};
    ForwardedHeader forwarded = ForwardedHeader::x_forwarded_for;
    bool operator==(const Net&) const = default;
  } net;
  std::vector<uint32_t> cores;  // empty = all that the process may run on
  Limits limits;
  HistoryLimits history;
  std::vector<TopicRule> topics;
  struct Sse {
    bool enabled = true;
    uint64_t heartbeat_ms = 15'000;
    uint64_t retry_ms = 5'000;
    bool operator==(const Sse&) const = default;
  } sse;
  struct Ws {
    bool enabled = true;
    bool compression = true;
    uint64_t max_message_bytes = uint64_t{1} << 20;
    uint64_t max_backlog_bytes = uint64_t{1} << 20;
    uint64_t ping_ms = 20'000;  // 0 = off
    uint64_t pong_timeout_ms = 20'000;
    bool operator==(const Ws&) const = default;
  } ws;
  struct Mcp {
    bool enabled = true;
    uint32_t max_sessions = 1'000;
    uint32_t max_sessions_per_client = 1'000;  // 0 = unlimited
    uint64_t session_timeout_ms = 3'600'000;
    uint64_t max_message_bytes = uint64_t{4} << 20;
    uint64_t replay_bytes = uint64_t{4} << 20;
    uint64_t keepalive_ms = 15'000;
    uint64_t ask_timeout_ms = 300'000;
    uint32_t max_calls = 1'000;
    uint32_t max_subscriptions = 1'000;
    uint32_t max_listeners = 10'000;
    std::vector<std::string> prompts;    // directories
    std::vector<std::string> documents;  // directories
    std::vector<std::string> mount;      // what a proxy puts before our paths; at most one
    bool operator==(const Mcp&) const = default;
  } mcp;
  struct Rooms {
    uint32_t history = 100;
    uint32_t max_rooms = 10'000;
    uint32_t max_members = 1'000;
    bool operator==(const Rooms&) const = default;
  } rooms;
  struct Control {
    uint64_t timeout_ms = 5'000;
    uint32_t max_pending = 10'000;
    bool operator==(const Control&) const = default;
  } control;
  struct Auth {
    bool enabled = true;
    std::vector<std::string> tokens;        // empty = everybody may
    std::vector<std::string> admin_tokens;  // empty = whoever connects over loopback
    std::vector<std::string> access;        // the access file; at most one
    bool allow_public = false;  // listen beyond loopback although nobody brings anything
    bool operator==(const Auth&) const = default;
  } auth;
  struct Cors {
    bool enabled = true;
    std::vector<std::string> origins = {"http://localhost:*", "http://127.0.0.1:*",
                                        "http://[::1]:*"};
    bool credentials = false;  // whether their pages may use cookies
    bool operator==(const Cors&) const = default;
  } cors;
  struct Drain {
    uint64_t timeout_ms = 10'000;
    uint64_t delay_ms = 0;  // between readiness going off and the streams ending
    uint64_t retry_min_ms = 500;
    uint64_t retry_max_ms = 5'000;
    uint32_t streams_per_s = 1'000;  // 0 = all at once
    bool operator==(const Drain&) const = default;
  } drain;
  struct Handover {
    std::vector<std::string> socket;  // a path; at most one
    uint64_t timeout_ms = 30'000;
    bool operator==(const Handover&) const = default;
  } handover;
  struct Log {
    LogLevel level = LogLevel::kInfo;
    LogFormat format = LogFormat::kJson;
    bool operator==(const Log&) const = default;
  } log;
  struct Metrics {
    bool enabled = true;
    uint64_t interval_ms = 1'000;  // 0 = off
    bool operator==(const Metrics&) const = default;
  } metrics;
  struct Ring {
    uint32_t entries = 4'096;
    uint32_t cq_entries = 32'768;
    uint32_t direct_descriptors = 0;  // 0 = the descriptor limit of the process
    bool operator==(const Ring&) const = default;
  } ring;
  struct Buffers {
    uint32_t recv_count = 1'024;  // a power of two
    uint32_t recv_bytes = 4'096;
    bool operator==(const Buffers&) const = default;
  } buffers;
  struct Send {
    uint32_t round = 64;
    uint32_t max_bytes = 262'144;
    bool operator==(const Send&) const = default;
  } send;

  bool operator==(const Config&) const = default;
};

struct ConfigSources {
  std::string file = {};                                              // path; empty = no file
  std::vector<std::pair<std::string, std::string>> environment = {};  // name, value
  std::vector<std::string> overrides = {};                            // "dotted.key=value"
};

struct LoadedConfig {
  Config config;
  std::vector<std::string> origins;  // parallel to config_keys(): "default", "ringcast.yaml:3", …
};

// Errors: `bad_config`, with one line per problem found; `config_unreadable` for the file itself.
Result<LoadedConfig> load_config(const ConfigSources& sources);

// The environment of this process, as ConfigSources takes it.
std::vector<std::pair<std::string, std::string>> process_environment();

// Every key with its value and, as a comment, where that came from. It is YAML that loads again.
std::string print_config(const LoadedConfig& loaded);

// Dotted keys whose values differ, by what SIGHUP can do about it.
struct ReloadDiff {
  std::vector<std::string_view> applied;
  std::vector<std::string_view> needs_restart;
};
ReloadDiff diff_reload(const Config& before, const Config& after);

// `before` with every reloadable key taken from `after`.
Config apply_reload(const Config& before, const Config& after);

}  // namespace ringcast
