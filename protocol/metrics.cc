#include "protocol/metrics.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iterator>

#include "core/scope.h"
#include "protocol/agent_control.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/service.h"

namespace ringcast {
namespace {

struct ProcessFigures {
  double cpu_s = 0;
  std::uint64_t rss_bytes = 0;
};

ProcessFigures process_figures() {
  ProcessFigures figures;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  figures.cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
  if (std::FILE* file = std::fopen("/proc/self/statm", "re")) {
    unsigned long total = 0;
    unsigned long resident = 0;
    if (std::fscanf(file, "%lu %lu", &total, &resident) == 2) {
      figures.rss_bytes = resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
    std::fclose(file);
  }
  return figures;
}

using Pick = std::function<std::uint64_t(Service&)>;

std::uint64_t sum(const ServerState& state, const Pick& pick) {
  std::uint64_t total = 0;
  for (Service* service : state.services) total += pick(*service);
  return total;
}

std::uint64_t sum_tables(const ServerState& state,
                         const std::function<std::uint64_t(const TopicTable&)>& pick) {
  return sum(state, [&](Service& service) {
    const TopicTable* table = service.shard().topics();
    return table == nullptr ? 0 : pick(*table);
  });
}

class Writer {
 public:
  explicit Writer(const ServerState& state) : state_(state) {}

  void head(std::string_view name, std::string_view type, std::string_view help) {
    fmt::format_to(std::back_inserter(text), "# HELP {0} {2}\n# TYPE {0} {1}\n", name, type, help);
  }
  void value(std::string_view name, double number) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", name, number);
  }
  void value(std::string_view name, std::uint64_t number) {
    fmt::format_to(std::back_inserter(text), "{} {}\n", name, number);
  }
  void counter(std::string_view name, std::string_view help, const Pick& pick) {
    head(name, "counter", help);
    value(name, sum(state_, pick));
  }
  void gauge(std::string_view name, std::string_view help, const Pick& pick) {
    head(name, "gauge", help);
    value(name, sum(state_, pick));
  }
  template <std::size_t N>
  void histogram(std::string_view name, std::string_view help,
                 const std::function<const Histogram<N>&(Service&)>& of) {
    head(name, "histogram", help);
    std::uint64_t below = 0;
    double total = 0;
    const auto& bounds = of(*state_.services.front()).bounds();
    for (std::size_t bucket = 0; bucket <= N; ++bucket) {
      below += sum(state_, [&](Service& service) { return of(service).count(bucket); });
      const std::string bound = bucket == N ? "+Inf" : fmt::format("{}", bounds[bucket]);
      fmt::format_to(std::back_inserter(text), "{}_bucket{{le=\"{}\"}} {}\n", name, bound, below);
    }
    for (Service* service : state_.services) total += of(*service).sum();
    fmt::format_to(std::back_inserter(text), "{0}_sum {1}\n{0}_count {2}\n", name, total, below);
  }

  std::string text;

 private:
  const ServerState& state_;
};

void write_mcp(Writer& out, const ServerState& state) {
  out.head("ringcast_mcp_sessions", "gauge", "Open sessions of MCP clients.");
  out.value("ringcast_mcp_sessions",
            std::uint64_t{state.mcp.sessions.load(std::memory_order_relaxed)});
  out.counter("ringcast_mcp_calls_total", "Requests of MCP clients.",
              [](Service& s) { return s.mcp().counters.calls.get(); });
  out.counter("ringcast_mcp_errors_total", "Requests of MCP clients that were refused.",
              [](Service& s) { return s.mcp().counters.errors.get(); });
  out.counter("ringcast_mcp_notifications_total", "Notifications to MCP clients.",
              [](Service& s) { return s.mcp().counters.notifications.get(); });
  out.counter("ringcast_mcp_sessions_opened_total", "Sessions that MCP clients began.",
              [](Service& s) { return s.mcp().counters.sessions_opened.get(); });
  out.counter("ringcast_mcp_sessions_expired_total",
              "Sessions that ended because nobody used them.",
              [](Service& s) { return s.mcp().counters.sessions_expired.get(); });
  out.counter("ringcast_mcp_sessions_refused_total", "Sessions beyond mcp.max_sessions.",
              [](Service& s) { return s.mcp().counters.sessions_refused.get(); });
}

void write_streams(Writer& out, const ServerState& state) {
  out.gauge("sse_connections_active", "Open event streams.", [](Service& s) {
    const std::uint64_t all = s.shard().hub().counters.subscribers.get();
    return all - std::min(all, s.counters.ws_open.get());
  });
  out.gauge("websocket_connections_active", "Open WebSockets.",
            [](Service& s) { return s.counters.ws_open.get(); });
  out.counter("ringcast_websocket_commands_total", "Commands of WebSocket clients.",
              [](Service& s) { return s.counters.ws_commands.get(); });
  out.counter("ringcast_websocket_refusals_total", "Commands that were answered with an error.",
              [](Service& s) { return s.counters.ws_refusals.get(); });
  out.counter("ringcast_websocket_violations_total",
              "WebSockets closed because their client broke the protocol.",
              [](Service& s) { return s.counters.ws_violations.get(); });
  out.counter("ringcast_websocket_received_bytes_total", "Bytes received from WebSocket clients.",
              [](Service& s) { return s.shard().hub().counters.received_bytes.get(); });
  write_mcp(out, state);
  out.head("ringcast_rooms", "gauge", "Rooms with somebody in them.");
  out.value("ringcast_rooms", state.open_rooms.load(std::memory_order_relaxed));
  out.counter("ringcast_control_commands_total", "Commands handed to workers.",
              [](Service& s) { return s.control().sent.get(); });
  out.counter("ringcast_control_timeouts_total", "Commands that no worker answered in time.",
              [](Service& s) { return s.control().timed_out.get(); });
  out.gauge("ringcast_control_pending", "Commands that wait for their worker's answer.",
            [](Service& s) { return s.control().pending.get(); });
  out.gauge("ringcast_form_bytes", "Memory of logs in WebSocket frames.",
            [](Service& s) { return s.shard().hub().counters.form_bytes.get(); });
  out.counter("messages_received_total", "Events published to this server.", [](Service& s) {
    return s.shard().topics() ? s.shard().topics()->counters.published.get() : 0;
  });
  out.counter("messages_sent_total", "Deliveries: events times the subscribers that got them.",
              [](Service& s) { return s.shard().hub().counters.deliveries.get(); });
  out.counter("ringcast_sends_total", "Sends to subscribers; each carries one or more events.",
              [](Service& s) { return s.shard().hub().counters.sends.get(); });
  out.counter("ringcast_send_bytes_total", "Bytes sent to subscribers.",
              [](Service& s) { return s.shard().hub().counters.send_bytes.get(); });
  const auto deliveries =
      sum(state, [](Service& s) { return s.shard().hub().counters.deliveries.get(); });
  const auto sends = sum(state, [](Service& s) { return s.shard().hub().counters.sends.get(); });
  out.head("ringcast_coalescing_ratio", "gauge", "Deliveries per send since the start.");
  out.value("ringcast_coalescing_ratio",
            sends == 0 ? 0.0 : static_cast<double>(deliveries) / static_cast<double>(sends));
  out.counter("ringcast_heartbeats_total", "Heartbeat comments sent to idle streams.",
              [](Service& s) { return s.shard().hub().counters.heartbeats.get(); });
  out.gauge("ringcast_subscribers_behind", "Subscribers that have not got every event yet.",
            [](Service& s) { return s.shard().hub().counters.behind.get(); });
  out.gauge("ringcast_fanout_lag_events",
            "Events that the subscriber furthest behind still has "
            "to get, on the worst core.",
            [](Service& s) { return s.shard().hub().counters.lag_events.get(); });
  out.head("ringcast_gaps_total", "counter", "Gap events sent, by reason.");
  constexpr std::string_view kReasons[] = {"evicted", "epoch", "malformed", "unknown", "lagged"};
  for (std::size_t i = 0; i < std::size(kReasons); ++i) {
    out.value(fmt::format("ringcast_gaps_total{{reason=\"{}\"}}", kReasons[i]),
              sum(state, [i](Service& s) { return s.shard().hub().counters.gaps[i].get(); }));
  }
  out.head("ringcast_streams_closed_total", "counter", "Streams that ended, by reason.");
  for (std::size_t i = 0; i < static_cast<std::size_t>(CloseReason::count); ++i) {
    out.value(fmt::format("ringcast_streams_closed_total{{reason=\"{}\"}}",
                          close_reason_name(static_cast<CloseReason>(i))),
              sum(state, [i](Service& s) { return s.shard().hub().counters.closed[i].get(); }));
  }
  out.histogram<10>(
      "session_duration_seconds", "How long event streams lasted.",
      [](Service& s) -> const Histogram<10>& { return s.shard().hub().counters.session_seconds; });
}

void write_topics(Writer& out, const ServerState& state) {
  const auto table = [&](std::string_view name, std::string_view type, std::string_view help,
                         const std::function<std::uint64_t(const TopicTable&)>& pick) {
    out.head(name, type, help);
    out.value(name, sum_tables(state, pick));
  };
  table("ringcast_topics", "gauge", "Topics.",
        [](const TopicTable& t) { return t.counters.topics.get(); });
  out.head("ringcast_topics_awaited", "gauge", "Those of them without events that are followed.");
  out.value("ringcast_topics_awaited", state.fabric.awaited_topics.load(std::memory_order_relaxed));
  table("ringcast_log_bytes", "gauge", "Bytes of events in the histories.",
        [](const TopicTable& t) { return t.counters.log_bytes.get(); });
  table("ringcast_log_allocated_bytes", "gauge", "Memory of the histories.",
        [](const TopicTable& t) { return t.counters.allocated_bytes.get(); });
  table("ringcast_duplicates_total", "counter", "Events published twice under one id.",
        [](const TopicTable& t) { return t.counters.duplicates.get(); });
  table("ringcast_evicted_segments_total", "counter", "Segments dropped for want of memory.",
        [](const TopicTable& t) { return t.counters.evicted_memory.get(); });
  table("ringcast_topics_refused_total", "counter",
        "Topics over limits.max_topics or limits.max_awaited_topics.",
        [](const TopicTable& t) { return t.counters.refused_topics.get(); });
  out.counter("ringcast_pattern_topics_refused_total",
              "Topics that a subscriber's patterns did not reach for limits.max_pattern_topics.",
              [](Service& s) { return s.shard().hub().counters.refused_pattern_topics.get(); });
  out.counter("ringcast_publish_bytes_total", "Bytes of published bodies.",
              [](Service& s) { return s.counters.publish_bytes.get(); });
}

void write_http(Writer& out, const ServerState& state) {
  out.head("http_connections_active", "gauge", "Open connections, streams included.");
  out.value("http_connections_active", std::uint64_t{state.admission.open()});
  out.head("http_requests_total", "counter", "Responses, by the first digit of their status.");
  for (std::size_t digit = 1; digit < 6; ++digit) {
    out.value(fmt::format("http_requests_total{{status=\"{}xx\"}}", digit),
              sum(state, [digit](Service& s) { return s.counters.responses[digit].get(); }));
  }
  out.counter("errors_total", "Responses with a status of 400 or more, and failed sends.",
              [](Service& s) {
                return s.counters.responses[4].get() + s.counters.responses[5].get() +
                       s.shard().hub().counters.send_errors.get();
              });
  out.histogram<11>("request_duration_seconds",
                    "From a request's head to its response, streams "
                    "left out.",
                    [](Service& s) -> const Histogram<11>& { return s.counters.request_seconds; });
  out.counter("ringcast_accepted_total", "Connections accepted.",
              [](Service& s) { return s.http().accepted(); });
  out.counter("ringcast_accept_errors_total", "Accepts that failed.",
              [](Service& s) { return s.http().accept_errors(); });
  out.counter("ringcast_accept_pauses_total", "Times that accepting waited for a descriptor.",
              [](Service& s) { return s.http().accept_pauses(); });
  out.counter("ringcast_connections_refused_total", "Connections over limits.max_connections.",
              [](Service& s) { return s.http().counters.refused_connections.get(); });
  out.counter("ringcast_client_connections_refused_total",
              "Connections over limits.max_connections_per_client.",
              [](Service& s) { return s.http().counters.refused_clients.get(); });
  out.counter("ringcast_bodies_refused_total", "Bodies beyond limits.buffer_memory_bytes.",
              [](Service& s) { return s.http().counters.too_busy.get(); });
  out.counter("ringcast_receive_waits_total",
              "Times that a connection waited for limits.receive_bytes_per_s.",
              [](Service& s) { return s.http().counters.paced.get(); });
  out.counter("ringcast_requests_deferred_total",
              "Times that pipelined requests or commands let others go first.", [](Service& s) {
                return s.http().counters.deferred.get() + s.counters.ws_deferred.get();
              });
  out.gauge("ringcast_buffer_bytes", "Held by requests and messages under way.",
            [](Service& s) { return s.counters.buffer_bytes.get(); });
  out.counter("ringcast_client_streams_refused_total",
              "Streams over limits.max_streams_per_client.",
              [](Service& s) { return s.limits().counters.streams.get(); });
  out.counter("ringcast_rate_limited_total", "Requests over the rate of their client or key.",
              [](Service& s) { return s.limits().counters.requests.get(); });
  out.counter("ringcast_messages_rate_limited_total",
              "Commands of WebSockets and messages of MCP over the rate of their client or key.",
              [](Service& s) { return s.limits().counters.messages.get(); });
  out.head("ringcast_rate_forgotten_total", "counter",
           "Clients and keys whose count was given up for another's.");
  out.value("ringcast_rate_forgotten_total", state.limits.rates.forgotten());
  out.counter("ringcast_proxy_headers_total", "Connections that began with a right PROXY header.",
              [](Service& s) { return s.http().counters.proxy_headers.get(); });
  out.head("ringcast_proxy_headers_refused_total", "counter",
           "Connections closed for want of a right PROXY header, by reason.");
  for (std::size_t i = 0; i < static_cast<std::size_t>(ProxyRefusal::count); ++i) {
    out.value(fmt::format("ringcast_proxy_headers_refused_total{{reason=\"{}\"}}",
                          proxy_refusal_name(static_cast<ProxyRefusal>(i))),
              sum(state, [i](Service& s) { return s.http().counters.proxy_refusals[i].get(); }));
  }
  out.counter("ringcast_forwarded_unreadable_total",
              "Requests whose trusted proxy did not name the client as configured.",
              [](Service& s) { return s.http().counters.forwarded_unreadable.get(); });
  out.head("ringcast_agent_checks_total", "counter", "Agent checks answered.");
  out.value("ringcast_agent_checks_total", state.agent_checks.load(std::memory_order_relaxed));
  out.head("ringcast_agent_checks_refused_total", "counter", "Agent checks beyond 64 at a time.");
  out.value("ringcast_agent_checks_refused_total",
            state.agent_checks_refused.load(std::memory_order_relaxed));
  out.counter("ringcast_request_timeouts_total", "Requests that did not arrive in time.",
              [](Service& s) { return s.http().counters.timeouts.get(); });
}

void write_machinery(Writer& out, const ServerState& state) {
  out.histogram<Reactor::kTurnBounds>(
      "ringcast_turn_seconds",
      "How long a core worked between two visits to the kernel: others wait meanwhile.",
      [](Service& s) -> const auto& { return s.reactor().turn_seconds(); });
  out.counter("ringcast_ring_operations_total", "Operations given to io_uring.",
              [](Service& s) { return s.counters.submitted.get(); });
  out.counter("ringcast_ring_enters_total", "System calls into io_uring.",
              [](Service& s) { return s.counters.enters.get(); });
  out.counter("ringcast_ring_overflows_total", "Turns that found the completion queue overflowed.",
              [](Service& s) { return s.counters.cq_overflows.get(); });
  out.gauge("ringcast_receive_buffers_in_use", "Receive buffers that are not with the kernel.",
            [](Service& s) { return s.counters.buffers_out.get(); });
  out.gauge("ringcast_receive_buffers", "Receive buffers.",
            [](Service& s) { return s.counters.buffers_total.get(); });
  out.counter("ringcast_receive_buffer_waits_total", "Receives that waited for a buffer.",
              [](Service& s) { return s.counters.buffer_waits.get(); });
  out.gauge("ringcast_descriptors_in_use", "Direct descriptors in use.",
            [](Service& s) { return s.counters.direct_in_use.get(); });
  out.gauge("ringcast_descriptors_max", "Direct descriptors that there may be.",
            [](Service& s) { return s.counters.direct_max.get(); });
  const ProcessFigures figures = process_figures();
  out.head("process_cpu_seconds_total", "counter", "CPU time of the process.");
  out.value("process_cpu_seconds_total", figures.cpu_s);
  out.head("process_resident_memory_bytes", "gauge", "Resident memory of the process.");
  out.value("process_resident_memory_bytes", figures.rss_bytes);
  out.head("process_start_time_seconds", "gauge", "When the process started, since 1970.");
  out.value("process_start_time_seconds", static_cast<double>(state.started_ms) / 1000);
  out.head("ringcast_handovers_failed_total", "counter",
           "Processes that were to take over and did not.");
  out.value("ringcast_handovers_failed_total",
            state.failed_handovers.load(std::memory_order_relaxed));
  out.head("ringcast_ready", "gauge", "1 while the server takes new work.");
  out.value("ringcast_ready", std::uint64_t{state.ready() ? 1U : 0U});
}

}  // namespace

Task<std::string> prometheus_text(Service& service) {
  const ServerState& state = service.state();
  Writer out(state);
  out.text.reserve(16 << 10);
  for (auto* write : {write_streams, write_topics, write_http, write_machinery}) {
    write(out, state);
    // Some tenths of a millisecond in all: too long for everybody else to wait.
    co_await NextTurn{service.reactor()};
  }
  co_return std::move(out.text);
}

Task<void> publish_metrics(Service* service) {
  ServerState& state = service->state();
  struct Sums {
    std::uint64_t events = 0;
    std::uint64_t deliveries = 0;
    std::uint64_t sends = 0;
    double cpu_s = 0;
    std::int64_t at_ns = 0;
  } last;
  for (;;) {
    const std::uint64_t interval_ms = service->config().metrics.interval_ms;
    // Switched off, it looks now and then whether it is on again.
    const auto sleep_ms = static_cast<std::int64_t>(interval_ms == 0 ? 1000 : interval_ms);
    if (!co_await service->background().sleep(sleep_ms * 1'000'000)) co_return;
    const ProcessFigures figures = process_figures();
    Sums now{
        .events = sum_tables(state, [](const TopicTable& t) { return t.counters.published.get(); }),
        .deliveries =
            sum(state, [](Service& s) { return s.shard().hub().counters.deliveries.get(); }),
        .sends = sum(state, [](Service& s) { return s.shard().hub().counters.sends.get(); }),
        .cpu_s = figures.cpu_s,
        .at_ns = service->reactor().now_ns()};
    const double seconds = static_cast<double>(now.at_ns - last.at_ns) / 1e9;
    const auto rate = [seconds](std::uint64_t a, std::uint64_t b) {
      return seconds <= 0 ? 0.0 : static_cast<double>(b - a) / seconds;
    };
    if (last.at_ns != 0 && interval_ms != 0 && !state.draining() &&
        state.features.on(Feature::real_time_analytics)) {
      const std::string data = fmt::format(
          "{{\"connections\":{},\"subscribers\":{},\"topics\":{},\"events_per_s\":{:.1f},"
          "\"deliveries_per_s\":{:.1f},\"sends_per_s\":{:.1f},\"log_bytes\":{},"
          "\"cpu_percent\":{:.1f},\"rss_bytes\":{}}}",
          state.admission.open(),
          sum(state, [](Service& s) { return s.shard().hub().counters.subscribers.get(); }),
          sum_tables(state, [](const TopicTable& t) { return t.counters.topics.get(); }),
          rate(last.events, now.events), rate(last.deliveries, now.deliveries),
          rate(last.sends, now.sends),
          sum_tables(state, [](const TopicTable& t) { return t.counters.log_bytes.get(); }),
          100 * (now.cpu_s - last.cpu_s) / seconds, figures.rss_bytes);
      // A full server may refuse the topic; its figures are still at /metrics.
      const auto published = co_await service->shard().publish(
          "metrics", {.type = "metrics_update", .data = data, .key = {}});
      if (!published) continue;
    }
    last = now;
  }
}

}  // namespace ringcast
