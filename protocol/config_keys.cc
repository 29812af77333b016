#include "protocol/config_keys.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <type_traits>
#include <utility>

namespace ringcast {
namespace {

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;
constexpr uint64_t kSecond = 1000;
constexpr uint64_t kHour = 3600 * kSecond;
constexpr uint64_t kYear = kHour * 24 * 365;
constexpr bool kReload = true;
constexpr bool kRestart = false;

template <auto kSection, auto kMember>
auto& at(Config& config) {
  return (config.*kSection).*kMember;
}

template <auto kSection, auto kMember>
constexpr NumberKey number(uint64_t min, uint64_t max, std::string_view zero = {}) {
  return {.at = &at<kSection, kMember>, .min = min, .max = max, .zero = zero};
}

template <auto kSection, auto kMember>
constexpr NumberKey bytes(uint64_t min, uint64_t max, std::string_view zero = {}) {
  NumberKey key = number<kSection, kMember>(min, max, zero);
  key.unit = KeyUnit::kBytes;
  return key;
}

template <auto kSection, auto kMember>
constexpr NumberKey time(uint64_t min, uint64_t max, std::string_view zero = {}) {
  NumberKey key = number<kSection, kMember>(min, max, zero);
  key.unit = KeyUnit::kTime;
  return key;
}

constexpr NumberKey power_of_two(NumberKey key) {
  key.power_of_two = true;
  return key;
}

template <auto kSection, auto kMember>
constexpr ChoiceKey choice(std::string_view choices) {
  using Choice = std::remove_cvref_t<decltype(at<kSection, kMember>(std::declval<Config&>()))>;
  return {choices,
          [](const Config& config) { return static_cast<uint8_t>((config.*kSection).*kMember); },
          [](Config& config, uint8_t index) {
            (config.*kSection).*kMember = static_cast<Choice>(index);
          }};
}

constexpr auto kLimits = &Config::limits;
constexpr auto kHistory = &Config::history;
constexpr auto kSse = &Config::sse;
constexpr auto kWs = &Config::ws;
constexpr auto kRooms = &Config::rooms;
constexpr auto kControl = &Config::control;
constexpr auto kCors = &Config::cors;
constexpr std::string_view kTokens =
    "tokens of at least 16 letters, digits and -._~+/=, never shown";
constexpr auto kMcp = &Config::mcp;
constexpr auto kDrain = &Config::drain;
constexpr auto kHandover = &Config::handover;
constexpr auto kLog = &Config::log;
constexpr auto kRing = &Config::ring;
constexpr auto kBuffers = &Config::buffers;
constexpr auto kSend = &Config::send;

// clang-format off
constexpr auto kTable = std::to_array<ConfigKey>({
  {"listen", "", kRestart,
   ListKey{"host:port with a numeric address, IPv6 in brackets, as 127.0.0.1:8080 or [::1]:8080, "
           "or unix:/PATH or unix:@NAME of at most 107 bytes, each once; behind it `,proxy`, and "
           "behind a path `,mode=0660`",
           set_listen, get_listen},
   "Addresses to listen on; port 0 is any free one; `proxy`: PROXY headers are required there."},
  {"hosts", "", kReload,
   ListKey{"* or host names without port, as events.example.org or *.example.org", set_hosts,
           get_hosts},
   "Names the server goes by, beside localhost and addresses; any other is answered 421."},
  {"agent_check", "", kRestart,
   ListKey{"host:port with a numeric address, as 127.0.0.1:8082", set_agent_check,
           get_agent_check},
   "Where HAProxy's agent checks are answered: ready, or drain."},
  {"net.trusted_proxies", "", kReload,
   ListKey{"addresses and ranges, as 10.1.2.3, 10.0.0.0/8 or fd00::/8", set_trusted_proxies,
           get_trusted_proxies},
   "Who may say on whose behalf it connects; over a Unix socket everybody may."},
  {"net.forwarded", "", kReload,
   choice<&Config::net, &Config::Net::forwarded>("x-forwarded-for|forwarded|off"),
   "The header in which trusted proxies name the client."},
  {"cores", "", kRestart, ListKey{"core numbers, as 0 or 0-3", set_cores, get_cores},
   "Cores to run on, a thread each; empty: all that the process may use."},

  {"limits.max_connections", "MAX_CONNECTIONS", kReload,
   number<kLimits, &Limits::max_connections>(1, 10'000'000),
   "Connections at a time; one more is answered 503."},
  {"limits.max_header_bytes", "", kReload, bytes<kLimits, &Limits::max_header_bytes>(256, kMiB),
   "Request line and headers together; more is answered 431."},
  {"limits.max_request_line_bytes", "", kReload,
   bytes<kLimits, &Limits::max_request_line_bytes>(64, kMiB),
   "Request line; more is answered 414."},
  {"limits.max_headers", "", kReload, number<kLimits, &Limits::max_headers>(1, 100),
   "Headers of a request; more is answered 431."},
  // In JSON it may take six times as much, and is still to fit into 2 GiB.
  {"limits.max_event_bytes", "", kReload,
   bytes<kLimits, &Limits::max_event_bytes>(1, 256 * kMiB),
   "Data of one event; more is answered 413."},
  {"limits.max_batch_bytes", "", kReload, bytes<kLimits, &Limits::max_batch_bytes>(1, 4 * kGiB),
   "Body of a batch; more is answered 413."},
  {"limits.max_batch_events", "", kReload,
   number<kLimits, &Limits::max_batch_events>(1, 10'000'000),
   "Events of a batch; more is answered 413."},
  {"limits.max_topics", "", kReload, number<kLimits, &Limits::max_topics>(1, 100'000'000),
   "Topics with history; publishing to one more is answered 503."},
  {"limits.max_awaited_topics", "", kReload,
   number<kLimits, &Limits::max_awaited_topics>(1, 100'000'000),
   "Topics without events that somebody follows; another one is answered 503."},
  {"limits.max_topics_per_subscriber", "", kReload,
   number<kLimits, &Limits::max_topics_per_subscriber>(1, 10'000),
   "Topics and patterns that one subscriber names; more is answered 400."},
  {"limits.max_pattern_topics", "", kReload,
   number<kLimits, &Limits::max_pattern_topics>(1, 10'000'000),
   "Topics that the patterns of one subscriber may match."},
  {"limits.log_memory_bytes", "", kRestart,
   bytes<kLimits, &Limits::log_memory_bytes>(kMiB, 16'384 * kGiB, "half of the machine's memory"),
   "Memory of all histories together."},
  {"limits.header_timeout_ms", "", kReload, time<kLimits, &Limits::header_timeout_ms>(1, kHour),
   "From the first byte of a request to the end of its headers; then 408."},
  {"limits.body_timeout_ms", "", kReload, time<kLimits, &Limits::body_timeout_ms>(1, kHour),
   "Between two pieces of a body; then 408."},
  {"limits.idle_timeout_ms", "", kReload, time<kLimits, &Limits::idle_timeout_ms>(1, 24 * kHour),
   "Keep-alive without a request; then the connection is closed."},
  {"limits.send_timeout_ms", "", kReload, time<kLimits, &Limits::send_timeout_ms>(1, 24 * kHour),
   "A send that makes no progress; then the connection is closed."},
  {"limits.min_body_bytes_per_s", "", kReload,
   bytes<kLimits, &Limits::min_body_bytes_per_s>(1, kMiB, "any"),
   "A body comes at least so fast, once body_timeout_ms is over; else 408."},
  {"limits.receive_bytes_per_s", "", kReload,
   bytes<kLimits, &Limits::receive_bytes_per_s>(kKiB, 1024 * kGiB, "any"),
   "Read from one connection; who sends faster is slowed down."},
  {"limits.send_bytes_per_s", "", kReload,
   bytes<kLimits, &Limits::send_bytes_per_s>(kKiB, 1024 * kGiB, "any"),
   "Sent on one TCP connection, of those that come from now on."},
  {"limits.buffer_memory_bytes", "", kReload,
   bytes<kLimits, &Limits::buffer_memory_bytes>(kMiB, 16'384 * kGiB,
                                                "a quarter of the machine's memory"),
   "What requests and messages under way may hold together; beyond it 503, or 1013."},
  {"limits.max_connections_per_client", "", kReload,
   number<kLimits, &Limits::max_connections_per_client>(1, 10'000'000, "unlimited"),
   "Connections of one client that are no streams; one more is answered 429."},
  {"limits.max_streams_per_client", "", kReload,
   number<kLimits, &Limits::max_streams_per_client>(1, 10'000'000, "unlimited"),
   "Event streams and WebSockets of one client, of MCP too; one more is answered 429."},
  {"limits.rate_limiting", "STREAM_RATE_LIMITING", kReload,
   SwitchKey{&at<kLimits, &Limits::rate_limiting>}, "Limit how often clients and keys ask."},
  {"limits.requests_per_minute", "MAX_REQUESTS_PER_MINUTE", kReload,
   number<kLimits, &Limits::requests_per_minute>(1, 100'000'000, "unlimited"),
   "Requests of one client that shows no key or token; one more is answered 429."},
  {"limits.requests_per_minute_per_key", "", kReload,
   number<kLimits, &Limits::requests_per_minute_per_key>(1, 100'000'000, "unlimited"),
   "Requests with one key or of one token's subject, if the access file does not say."},
  {"limits.auth_failures_per_minute", "", kReload,
   number<kLimits, &Limits::auth_failures_per_minute>(1, 100'000'000, "unlimited"),
   "Wrong keys and tokens of one client, beyond which no new token of it is checked; 429."},
  {"limits.rate_buckets", "", kRestart,
   number<kLimits, &Limits::rate_buckets>(8, 100'000'000),
   "Clients and keys whose requests are counted, of 16 bytes each; the idlest is forgotten."},
  {"limits.exempt", "", kReload,
   ListKey{"addresses and ranges, as 10.1.2.3, 10.0.0.0/8 or fd00::/8", set_exempt, get_exempt},
   "Clients without limits of their own; over a Unix socket nobody has any."},

  {"history.bytes", "", kReload, bytes<kHistory, &HistoryLimits::bytes>(kKiB, 1024 * kGiB),
   "Kept per topic: at most so many bytes."},
  {"history.events", "STREAM_BUFFER_SIZE", kReload,
   number<kHistory, &HistoryLimits::events>(1, 1'000'000'000),
   "Kept per topic: at most so many events."},
  {"history.age_ms", "", kReload,
   time<kHistory, &HistoryLimits::age_ms>(1, 10 * kYear, "unlimited"),
   "Kept per topic: events at most so old."},
  {"history.on_lag", "", kReload, choice<kHistory, &HistoryLimits::on_lag>("gap|close"),
   "What happens to a subscriber that falls out of the history: a gap event, or it is closed."},
  {"topics", "", kReload, TopicRulesKey{},
   "History of certain topics; the first rule whose glob matches counts."},

  {"sse.enabled", "SSE_ENABLED", kReload, SwitchKey{&at<kSse, &Config::Sse::enabled>},
   "Serve event streams; otherwise they are answered 501."},
  {"sse.heartbeat_ms", "", kReload, time<kSse, &Config::Sse::heartbeat_ms>(10, 24 * kHour),
   "Comment on a stream that was idle so long."},
  {"sse.retry_ms", "", kReload, time<kSse, &Config::Sse::retry_ms>(0, kHour),
   "How long clients are told to wait before they reconnect."},

  {"ws.enabled", "WEBSOCKET_ENABLED", kReload, SwitchKey{&at<kWs, &Config::Ws::enabled>},
   "Serve WebSockets; otherwise they are answered 501."},
  {"ws.compression", "STREAM_COMPRESSION", kReload, SwitchKey{&at<kWs, &Config::Ws::compression>},
   "Accept permessage-deflate; what is broadcast is compressed once for all."},
  {"ws.max_message_bytes", "", kReload,
   bytes<kWs, &Config::Ws::max_message_bytes>(128, 256 * kMiB),
   "A message from a client; a longer one closes its connection with 1009."},
  {"ws.max_backlog_bytes", "", kReload,
   bytes<kWs, &Config::Ws::max_backlog_bytes>(kKiB, kGiB),
   "Answers that a client has not read yet; with more, its commands wait."},
  {"ws.ping_ms", "", kReload, time<kWs, &Config::Ws::ping_ms>(10, 24 * kHour, "off"),
   "Ping to a client that was silent so long."},
  {"ws.pong_timeout_ms", "", kReload, time<kWs, &Config::Ws::pong_timeout_ms>(10, 24 * kHour),
   "How long it may take to answer; then the connection is closed."},

  {"mcp.enabled", "MCP_ENABLED", kReload, SwitchKey{&at<kMcp, &Config::Mcp::enabled>},
   "Serve the Model Context Protocol; otherwise it is answered 501."},
  {"mcp.max_sessions", "", kRestart, number<kMcp, &Config::Mcp::max_sessions>(1, 10'000'000),
   "Sessions on all cores together; one more is answered 503."},
  {"mcp.max_sessions_per_client", "", kRestart,
   number<kMcp, &Config::Mcp::max_sessions_per_client>(1, 10'000'000, "unlimited"),
   "Sessions of one client; one more is answered 429."},
  {"mcp.session_timeout_ms", "", kRestart,
   time<kMcp, &Config::Mcp::session_timeout_ms>(100, 168 * kHour),
   "After which a session that nobody uses ends."},
  {"mcp.max_message_bytes", "", kRestart,
   bytes<kMcp, &Config::Mcp::max_message_bytes>(kKiB, 256 * kMiB),
   "A message from a client; a longer one is answered 413."},
  {"mcp.replay_bytes", "", kRestart, bytes<kMcp, &Config::Mcp::replay_bytes>(kKiB, kGiB),
   "Kept of a session's streams, so that a client that was cut off loses nothing."},
  {"mcp.keepalive_ms", "", kRestart, time<kMcp, &Config::Mcp::keepalive_ms>(100, kHour),
   "Between comments on a stream without messages."},
  {"mcp.ask_timeout_ms", "", kRestart, time<kMcp, &Config::Mcp::ask_timeout_ms>(100, 24 * kHour),
   "How long a client may take to answer what a tool asks it."},
  {"mcp.max_calls", "", kRestart, number<kMcp, &Config::Mcp::max_calls>(1, 1'000'000),
   "Requests of a session that run at once; one more is an error."},
  {"mcp.max_subscriptions", "", kRestart,
   number<kMcp, &Config::Mcp::max_subscriptions>(1, 1'000'000),
   "Resources that a session, or one subscriptions/listen, follows; one more is an error."},
  {"mcp.max_listeners", "", kRestart, number<kMcp, &Config::Mcp::max_listeners>(1, 10'000'000),
   "subscriptions/listen under way on a core; one more is an error."},
  {"mcp.mount", "", kRestart, ListKey{"a path, as /tools", set_mcp_mount, get_mcp_mount},
   "What a proxy takes off the path; the endpoint that /sse names begins with it."},
  {"mcp.prompts", "", kRestart,
   ListKey{"directories", set_mcp_prompts, get_mcp_prompts},
   "Whose *.json files are prompts."},
  {"mcp.documents", "", kRestart,
   ListKey{"directories", set_mcp_documents, get_mcp_documents},
   "Whose files are resources, and what hybrid_search looks through."},

  {"rooms.history", "", kReload, number<kRooms, &Config::Rooms::history>(1, 1'000'000),
   "Messages of a room that are kept, and sent to whoever joins."},
  {"rooms.max_rooms", "", kReload, number<kRooms, &Config::Rooms::max_rooms>(1, 10'000'000),
   "Rooms with somebody in them; joining one more is an error."},
  {"rooms.max_members", "", kReload, number<kRooms, &Config::Rooms::max_members>(1, 1'000'000),
   "Members of a room; joining as one more is an error."},

  {"control.timeout_ms", "", kReload, time<kControl, &Config::Control::timeout_ms>(1, kHour),
   "How long a worker may take to answer a command; then its status is `timeout`."},
  {"control.max_pending", "", kReload,
   number<kControl, &Config::Control::max_pending>(1, 10'000'000),
   "Commands without an answer on each core; one more is an error."},

  {"auth.enabled", "STREAM_AUTHENTICATION", kReload,
   SwitchKey{&at<&Config::auth, &Config::Auth::enabled>},
   "Ask for keys and tokens where any are configured; false: only whoever administers is asked."},
  {"auth.access", "", kReload, ListKey{"a file", set_access, get_access},
   "The access file: API keys, tokens of a provider, and what each may do."},
  {"auth.tokens", "", kReload,
   ListKey{kTokens, set_tokens, get_tokens, true},
   "Whoever brings one may publish and subscribe; empty, and no access file: nobody has to."},
  {"auth.admin_tokens", "", kReload, ListKey{kTokens, set_admin_tokens, get_admin_tokens, true},
   "Whoever administers must bring one of them, or what the access file grants `admin`; where no "
   "key or token is configured at all, clients on loopback may."},
  {"auth.allow_public", "", kRestart, SwitchKey{&at<&Config::auth, &Config::Auth::allow_public>},
   "Listen on addresses beyond loopback although nobody has to bring anything."},

  {"cors.enabled", "CORS_ENABLED", kReload, SwitchKey{&at<kCors, &Config::Cors::enabled>},
   "Let pages of other origins use the server."},
  {"cors.origins", "", kReload,
   ListKey{"* or origins, as https://example.org, https://*.example.org or http://localhost:*",
           set_origins, get_origins},
   "Origins that may; pages of any other are answered 403."},
  {"cors.credentials", "", kReload, SwitchKey{&at<kCors, &Config::Cors::credentials>},
   "Let them do so with the cookies of whoever looks at them."},

  {"drain.timeout_ms", "", kReload, time<kDrain, &Config::Drain::timeout_ms>(0, kHour),
   "How long ending may take, once drain.delay_ms is over."},
  {"drain.delay_ms", "", kReload, time<kDrain, &Config::Drain::delay_ms>(0, kHour),
   "From readiness going off to the end of the streams."},
  {"drain.retry_min_ms", "", kReload, time<kDrain, &Config::Drain::retry_min_ms>(0, kHour),
   "Least time after which drained clients are told to reconnect."},
  {"drain.retry_max_ms", "", kReload, time<kDrain, &Config::Drain::retry_max_ms>(0, kHour),
   "Most time after which drained clients are told to reconnect."},
  {"drain.streams_per_s", "", kReload,
   number<kDrain, &Config::Drain::streams_per_s>(1, 10'000'000, "all at once"),
   "How many streams end in a second at most, if drain.timeout_ms leaves time for that."},

  {"handover.socket", "", kRestart,
   ListKey{"an absolute path of at most 90 bytes", set_handover_socket, get_handover_socket},
   "Where a process that takes over (serve --takeover) asks for it."},
  {"handover.timeout_ms", "", kReload,
   time<kHandover, &Config::Handover::timeout_ms>(100, kHour),
   "How long publishing may wait while the histories are handed over; then it goes on here."},

  {"log.level", "", kReload, choice<kLog, &Config::Log::level>("debug|info|warn|error|off"),
   "Least severe level that is written."},
  {"log.format", "", kReload, choice<kLog, &Config::Log::format>("json|text"),
   "JSON lines, or text for a terminal."},
  {"metrics.enabled", "MONITORING_ENABLED", kReload,
   SwitchKey{&at<&Config::metrics, &Config::Metrics::enabled>},
   "Answer GET /metrics; otherwise 501."},
  {"metrics.interval_ms", "PROCESSING_INTERVAL", kReload,
   time<&Config::metrics, &Config::Metrics::interval_ms>(100, kHour, "off"),
   "How often the server publishes its own figures to the topic metrics."},

  {"ring.entries", "", kRestart, power_of_two(number<kRing, &Config::Ring::entries>(64, 32'768)),
   "Submission queue of each core's io_uring."},
  {"ring.cq_entries", "", kRestart,
   power_of_two(number<kRing, &Config::Ring::cq_entries>(128, 65'536)),
   "Completion queue of each core's io_uring."},
  {"ring.direct_descriptors", "", kRestart,
   number<kRing, &Config::Ring::direct_descriptors>(64, 1'048'576,
                                                    "the process's descriptor limit"),
   "Size of each core's table of direct descriptors."},
  {"buffers.recv_count", "", kRestart,
   power_of_two(number<kBuffers, &Config::Buffers::recv_count>(8, 32'768)),
   "Receive buffers of each core."},
  {"buffers.recv_bytes", "", kRestart,
   bytes<kBuffers, &Config::Buffers::recv_bytes>(512, kMiB), "Size of a receive buffer."},
  {"send.round", "", kRestart, number<kSend, &Config::Send::round>(1, 4'096),
   "Sends per submission while a core sweeps its subscribers."},
  {"send.max_bytes", "", kRestart, bytes<kSend, &Config::Send::max_bytes>(kKiB, 64 * kMiB),
   "Most bytes of history in one send."},
});
// clang-format on

std::vector<std::string> choices_of(const ChoiceKey& kind) {
  std::vector<std::string> names;
  for (std::string_view rest = kind.choices; !rest.empty();) {
    const size_t end = std::min(rest.find('|'), rest.size());
    names.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return names;
}

uint64_t number_of(const Config& config, const NumberKey& kind) {
  // The accessors serve reading and writing; this one only reads.
  auto& open = const_cast<Config&>(config);
  return std::visit([&](auto at) { return static_cast<uint64_t>(at(open)); }, kind.at);
}

bool set_number(Config& config, const NumberKey& kind, std::string_view text) {
  const auto value = parse_amount(text, kind.unit);
  if (!value) return false;
  const bool zero = *value == 0 && !kind.zero.empty();
  if (!zero && (*value < kind.min || *value > kind.max)) return false;
  if (kind.power_of_two && (*value & (*value - 1)) != 0) return false;
  std::visit(
      [&](auto at) {
        auto& member = at(config);
        member = static_cast<std::remove_reference_t<decltype(member)>>(*value);
      },
      kind.at);
  return true;
}

std::string topic_rule_text(const TopicRule& rule) {
  return fmt::format("{{match: {}, bytes: {}, events: {}, age_ms: {}, on_lag: {}}}",
                     yaml_string(rule.match), amount_text(rule.history.bytes, KeyUnit::kBytes),
                     rule.history.events, amount_text(rule.history.age_ms, KeyUnit::kTime),
                     rule.history.on_lag == OnLag::kGap ? "gap" : "close");
}

std::string number_allowed(const NumberKey& kind) {
  const std::string_view what = kind.unit == KeyUnit::kBytes  ? "a size"
                                : kind.unit == KeyUnit::kTime ? "a time"
                                : kind.power_of_two           ? "a power of two"
                                                              : "a whole number";
  std::string text = fmt::format("{} from {} to {}", what, amount_text(kind.min, kind.unit),
                                 amount_text(kind.max, kind.unit));
  if (kind.unit == KeyUnit::kBytes) text += ", as 4096, 64k or 1MiB";
  if (kind.unit == KeyUnit::kTime) text += ", as 500 (milliseconds), 500ms, 15s or 1h";
  if (!kind.zero.empty()) text += fmt::format("; 0 = {}", kind.zero);
  return text;
}

}  // namespace

std::span<const ConfigKey> config_keys() { return kTable; }

std::string environment_name(std::string_view path) {
  std::string name = "RINGCAST_";
  for (const char c : path) {
    name += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return name;
}

std::optional<size_t> find_config_key(std::string_view path) {
  const auto found = std::ranges::find(config_keys(), path, &ConfigKey::path);
  if (found == config_keys().end()) return std::nullopt;
  return static_cast<size_t>(found - config_keys().begin());
}

std::optional<size_t> find_config_environment(std::string_view name) {
  const auto found = std::ranges::find_if(config_keys(), [&](const ConfigKey& key) {
    return environment_name(key.path) == name || (!key.alias.empty() && key.alias == name);
  });
  if (found == config_keys().end()) return std::nullopt;
  return static_cast<size_t>(found - config_keys().begin());
}

Result<void> set_config_value(Config& config, const ConfigKey& key,
                              const std::vector<std::string>& items) {
  if (const auto* list = std::get_if<ListKey>(&key.kind)) return list->set(config, items);
  if (items.size() != 1) return fail("bad_config", fmt::format("{}", fmt::join(items, ",")));
  const std::string& text = items.front();
  bool good = false;
  if (const auto* number = std::get_if<NumberKey>(&key.kind)) {
    good = set_number(config, *number, text);
  } else if (const auto* flag = std::get_if<SwitchKey>(&key.kind)) {
    const auto value = parse_switch(text);
    if (value) flag->at(config) = *value;
    good = value.has_value();
  } else if (const auto* names = std::get_if<ChoiceKey>(&key.kind)) {
    const std::vector<std::string> choices = choices_of(*names);
    const auto found = std::ranges::find(choices, text);
    good = found != choices.end();
    if (good) names->set(config, static_cast<uint8_t>(found - choices.begin()));
  }
  if (!good) return fail("bad_config", text);
  return {};
}

std::string config_value_text(const Config& config, const ConfigKey& key) {
  if (const auto* number = std::get_if<NumberKey>(&key.kind)) {
    return amount_text(number_of(config, *number), number->unit);
  }
  if (const auto* flag = std::get_if<SwitchKey>(&key.kind)) {
    return flag->at(const_cast<Config&>(config)) ? "true" : "false";
  }
  if (const auto* names = std::get_if<ChoiceKey>(&key.kind)) {
    return choices_of(*names)[names->get(config)];
  }
  std::vector<std::string> items;
  if (const auto* list = std::get_if<ListKey>(&key.kind)) {
    for (const std::string& item : list->get(config)) items.push_back(yaml_string(item));
  } else {
    for (const TopicRule& rule : config.topics) items.push_back(topic_rule_text(rule));
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

std::string allowed_text(const ConfigKey& key) {
  if (const auto* number = std::get_if<NumberKey>(&key.kind)) return number_allowed(*number);
  if (std::holds_alternative<SwitchKey>(key.kind)) return "true or false";
  if (const auto* names = std::get_if<ChoiceKey>(&key.kind)) {
    return fmt::format("one of {}", fmt::join(choices_of(*names), ", "));
  }
  if (const auto* list = std::get_if<ListKey>(&key.kind)) return std::string(list->allowed);
  return "a list of {match, bytes, events, age_ms, on_lag}, where match is a glob";
}

std::string config_table_markdown() {
  std::string text =
      "| Key | Environment | Default | Allowed | On SIGHUP | What it is |\n"
      "|---|---|---|---|---|---|\n";
  const Config defaults;
  for (const ConfigKey& key : config_keys()) {
    std::string environment = fmt::format("`{}`", environment_name(key.path));
    if (!key.alias.empty()) environment += fmt::format(", `{}`", key.alias);
    text += fmt::format("| `{}` | {} | `{}` | {} | {} | {} |\n", key.path, environment,
                        config_value_text(defaults, key), allowed_text(key),
                        key.reloadable ? "applied" : "needs restart", key.help);
  }
  return text;
}

}  // namespace ringcast
