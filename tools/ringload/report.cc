#include "tools/ringload/report.h"

#include <fmt/format.h>

#include <string_view>

#include "tools/ringload/json_text.h"
#include "tools/ringload/return_report.h"

namespace ringcast::load {
namespace {

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::open:
      return "open";
    case Mode::closed:
      return "closed";
    case Mode::idle:
      break;
  }
  return "idle";
}

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::echo:
      return "echo";
    case Kind::control:
      return "control";
    case Kind::mcp:
      return "mcp";
    case Kind::fan_out:
      break;
  }
  return "fan_out";
}

std::string_view name_of(Transport transport) {
  switch (transport) {
    case Transport::ws:
      return "ws";
    case Transport::chunked:
      return "chunked";
    case Transport::http:
      return "http";
    case Transport::sse:
      break;
  }
  return "sse";
}

std::string_view name_of(McpEra era) { return era == McpEra::modern ? "modern" : "legacy"; }

std::string json_of(const LatencySummary& latency) {
  if (latency.count == 0) {
    return R"({"p50":null,"p90":null,"p95":null,"p99":null,"p999":null,"max":null,"mean":null})";
  }
  return fmt::format(
      R"({{"p50":{:.3f},"p90":{:.3f},"p95":{:.3f},"p99":{:.3f},"p999":{:.3f},"max":{:.3f},)"
      R"("mean":{:.3f}}})",
      latency.p50_us, latency.p90_us, latency.p95_us, latency.p99_us, latency.p999_us,
      latency.max_us, latency.mean_us);
}

std::string json_of(const Interval& interval) {
  return fmt::format(
      R"({{"at_s":{:.6f},"seconds":{:.6f},"published":{},"delivered":{},"latency_us":{},)"
      R"("publish_us":{},"server_anon_bytes":{}}})",
      interval.at_s, interval.seconds, interval.published, interval.delivered,
      json_of(interval.latency), json_of(interval.publish_latency),
      interval.server_anon_bytes == 0 ? "null" : fmt::to_string(interval.server_anon_bytes));
}

std::string json_of(const std::vector<CurvePoint>& curve) {
  return json_list(curve, [](const CurvePoint& point) {
    return fmt::format("[{:.12g},{:.3f}]", point.share, point.us);
  });
}

// What a run was: read again by `ringload report`.
std::string origin_json(const Options& options, const Report& report) {
  return fmt::format(R"("ringload":{},"format":{},"started_at":{},"command":{},"environment":{},)",
                     json_quoted(RINGCAST_VERSION), kResultFormat, json_quoted(report.started_at),
                     json_list(options.command, json_quoted), to_json(report.environment));
}

std::string number_or_null(std::optional<std::uint64_t> number) {
  return number ? fmt::to_string(*number) : "null";
}

std::string_view flag_or_null(std::optional<bool> flag) {
  return !flag ? "null" : *flag ? "true" : "false";
}

std::string server_json(const Report& report) {
  const Activity::Counts& activity = report.server_activity;
  const std::string more =
      fmt::format(R"("context_switches":{},"involuntary_switches":{},"io_calls":{}}})",
                  number_or_null(activity.switches), number_or_null(activity.involuntary),
                  number_or_null(activity.io_calls));
  if (!report.server_known) {
    return R"({"cpu_s":null,"cpu_ns_per_delivery":null,"rss_bytes":null,"anon_bytes":null,)"
           R"("bytes_per_subscriber":null,)" +
           more;
  }
  return fmt::format(
      R"({{"cpu_s":{:.6f},"cpu_ns_per_delivery":{:.1f},"rss_bytes":{},"anon_bytes":{},)"
      R"("bytes_per_subscriber":{:.1f},{})",
      report.server_cpu_s, report.server_ns_per_delivery(), report.server_rss_bytes,
      report.server_anon_bytes, report.bytes_per_subscriber, more);
}

// "1,234/s (12 involuntary), 0.5 per delivery".
std::string activity_text(const Report& report, std::string_view unit) {
  const Activity::Counts& activity = report.server_activity;
  const auto per_second = [&](std::uint64_t count) {
    return with_commas(report.seconds > 0 ? static_cast<double>(count) / report.seconds : 0);
  };
  const auto per_delivery = [&](std::uint64_t count) {
    if (report.delivered == 0) return std::string();
    const double each = static_cast<double>(count) / static_cast<double>(report.delivered);
    return fmt::format(", {:.3g} per {}", each, unit);
  };
  std::string out;
  if (activity.switches && activity.involuntary) {
    out = fmt::format("context switches {}/s ({} involuntary){}", per_second(*activity.switches),
                      per_second(*activity.involuntary), per_delivery(*activity.switches));
  }
  if (activity.io_calls) {
    out += fmt::format("{}I/O calls {}/s{}", out.empty() ? "" : "; ",
                       per_second(*activity.io_calls), per_delivery(*activity.io_calls));
  }
  return out.empty() ? "" : "               " + out + "\n";
}

std::string text_of(const LatencySummary& latency) {
  if (latency.count == 0) return "none of the time measured";
  return fmt::format("p50 {}  p90 {}  p99 {}  p99.9 {}  max {}", human_us(latency.p50_us),
                     human_us(latency.p90_us), human_us(latency.p99_us), human_us(latency.p999_us),
                     human_us(latency.max_us));
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", with_commas(static_cast<double>(count)), noun,
                     count == 1 ? "" : "s");
}

std::string mcp_headline(const Options& options, const Report& report) {
  const McpOptions& mcp = options.mcp;
  const std::string sessions = plural(mcp.sessions, "session");
  if (options.mode == Mode::idle) {
    return fmt::format("{} of {} with an open stream\n", report.subscribers_ready, sessions);
  }
  std::string text = fmt::format("calls of `{}` with {} bytes on {}", mcp.tool, options.size,
                                 plural(report.subscribers_ready, "connection"));
  if (mcp.era == McpEra::legacy) text += fmt::format(" with {}", sessions);
  if (mcp.raw) text += ", answers not read";
  return text + "\n";
}

std::string headline(const Options& options, const Report& report) {
  std::string text = fmt::format("{} at {}", options.target.name, options.target.host_header());
  if (options.transport == Transport::ws) text += " over WebSocket";
  if (options.transport == Transport::chunked) text += " over chunked HTTP";
  text += ": ";
  if (options.mode == Mode::closed) text += fmt::format("window {}, ", options.window);
  if (options.mode == Mode::open) {
    text += fmt::format("{} {}/s, ", with_commas(options.rate),
                        options.kind == Kind::fan_out ? "events"
                        : options.kind == Kind::mcp   ? "calls"
                                                      : "round trips");
    if (options.burst > 1) text += fmt::format("{} at a time, ", options.burst);
  }
  if (options.mode == Mode::idle) text += "idle, ";
  if (options.kind == Kind::mcp) return text + mcp_headline(options, report);
  if (options.kind == Kind::echo) {
    return text + fmt::format("echo of {} bytes on {}\n", options.size,
                              plural(report.subscribers_ready, "connection"));
  }
  if (options.kind == Kind::control) {
    return text + fmt::format("commands of {} in {}\n", plural(report.subscribers_ready, "caller"),
                              plural(options.topics, "session"));
  }
  text += plural(report.subscribers_ready, "subscriber");
  if (options.slow_readers != 0) {
    text += fmt::format(" (and {} that never read)", options.slow_readers);
  }
  if (options.mode != Mode::idle) {
    text += fmt::format(", {}, {}, {} bytes", plural(options.publishers, "publisher"),
                        plural(options.topics, "topic"), options.size);
  }
  return text + "\n";
}

std::string fan_out_text(const Report& report) {
  std::string out = fmt::format("  deliveries   {}/s ({} in {:.2f} s), {} events/s\n",
                                with_commas(report.deliveries_per_s()),
                                with_commas(static_cast<double>(report.delivered)), report.seconds,
                                with_commas(report.events_per_s()));
  out += fmt::format("  latency      {}\n", text_of(report.latency));
  out += fmt::format("  publishing   {}\n", text_of(report.publish_latency));
  out += fmt::format("  correctness  lost {}, duplicates {}, out of order {}, gap events {}\n",
                     report.lost, report.duplicates, report.out_of_order, report.gaps);
  return out;
}

std::string round_trips_text(const Options& options, const Report& report) {
  const bool mcp = options.kind == Kind::mcp;
  std::string out = fmt::format("  {:<13}{}/s ({} in {:.2f} s)\n", mcp ? "calls" : "round trips",
                                with_commas(report.deliveries_per_s()),
                                with_commas(static_cast<double>(report.delivered)), report.seconds);
  out += fmt::format("  latency      {}\n", text_of(report.latency));
  if (mcp) {
    return out + fmt::format("  correctness  lost {}, altered {}, errors {}\n", report.lost,
                             report.altered, report.calls_failed);
  }
  out += fmt::format("  correctness  lost {}, duplicates {}, out of order {}", report.lost,
                     report.duplicates, report.out_of_order);
  if (options.kind == Kind::echo) out += fmt::format(", altered {}", report.altered);
  return out + "\n";
}

}  // namespace

std::string with_commas(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (std::size_t at = digits.size(); at > 3 && digits[at - 4] != '-';) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string human_us(double us) {
  if (us < 1) return fmt::format("{:.0f} ns", us * 1000);
  if (us < 1000) return fmt::format("{:.3g} us", us);
  if (us < 1'000'000) return fmt::format("{:.3g} ms", us / 1000);
  return fmt::format("{:.3g} s", us / 1'000'000);
}

std::string human_bytes(double bytes) {
  if (bytes < 10'000) return fmt::format("{:.0f} bytes", bytes);
  if (bytes < 10'000'000) return fmt::format("{:.1f} KiB", bytes / 1024);
  return fmt::format("{:.1f} MiB", bytes / (1024 * 1024));
}

std::string to_line(const Interval& interval) {
  const double per_s =
      interval.seconds > 0 ? static_cast<double>(interval.delivered) / interval.seconds : 0;
  std::string line = fmt::format("{}  {}/s", utc_now(), with_commas(per_s));
  if (interval.latency.count != 0) {
    line += fmt::format("  p50 {}  p99 {}", human_us(interval.latency.p50_us),
                        human_us(interval.latency.p99_us));
  }
  if (interval.server_anon_bytes != 0) {
    line += "  memory " + human_bytes(static_cast<double>(interval.server_anon_bytes));
  }
  return line;
}

std::string to_json(const Options& options, const Report& report) {
  std::string out = "{" + origin_json(options, report);
  out += fmt::format(
      R"("target":{},"transport":{},"kind":{},"mode":{},"subscribers":{},"publishers":{},)"
      R"("topics":{},"size":{},"kernel_arrivals":{},)"
      R"("rate":{},"burst":{},"window":{},"slow_readers":{},)",
      json_quoted(options.target.name), json_quoted(name_of(options.transport)),
      json_quoted(name_of(options.kind)), json_quoted(name_of(options.mode)),
      report.subscribers_ready, options.mode == Mode::idle ? 0 : options.publishers, options.topics,
      options.size, options.kernel_arrivals,
      options.mode == Mode::open ? fmt::format("{}", options.rate) : "null",
      options.mode == Mode::open ? fmt::format("{}", options.burst) : "null",
      options.mode == Mode::closed ? fmt::format("{}", options.window) : "null",
      options.slow_readers);
  out += fmt::format(R"("warmup_s":{:.3f},"seconds":{:.6f},"published":{},"delivered":{},)"
                     R"("deliveries_per_s":{:.1f},"events_per_s":{:.1f},"lost":{},"duplicates":{},)"
                     R"("out_of_order":{},"altered":{},)"
                     R"("foreign":{},"gaps":{},"total":{{"published":{},"delivered":{}}},)",
                     report.warmup_s, report.seconds, report.published, report.delivered,
                     report.deliveries_per_s(), report.events_per_s(), report.lost,
                     report.duplicates, report.out_of_order, report.altered, report.foreign,
                     report.gaps, report.total_published, report.total_delivered);
  if (options.kind == Kind::mcp) {
    out += fmt::format(R"("era":{},"sessions":{},"answer_bytes":{},)",
                       json_quoted(name_of(options.mcp.era)), options.mcp.sessions,
                       report.answer_bytes);
  }
  out += returns_json(options, report);
  out += fmt::format(R"("latency_us":{},"publish_us":{},"server":{},)", json_of(report.latency),
                     json_of(report.publish_latency), server_json(report));
  out += fmt::format(R"("percentiles_us":{},"publish_percentiles_us":{},)", json_of(report.curve),
                     json_of(report.publish_curve));
  out += fmt::format(R"("client":{{"cpu_s":{:.6f},"cpu_share":{:.4f},"cpu_ns_per_delivery":{:.1f},)"
                     R"("receives":{},"bound":{}}},)",
                     report.client_cpu_s, report.client_share(), report.client_ns_per_delivery(),
                     report.receives, report.client_bound());
  out += fmt::format(
      R"("errors":{{"subscribers_failed":{},"subscribers_lost":{},"publishers_failed":{},)"
      R"("refused":{},"unsent":{},"calls_failed":{}}},)"
      R"("waited_s":{{"server":{:.6f},"client":{:.6f}}},)"
      R"("netdev_dropped":{},"steal_share":{:.4f},"steady":{},"warnings":{},"interval_s":{},)"
      R"("intervals":{}}})",
      report.subscribers_failed, report.subscribers_lost, report.publishers_failed, report.refused,
      report.unsent, report.calls_failed, report.server_waited_s, report.client_waited_s,
      report.netdev_dropped, report.steal_share, flag_or_null(report.steadiness.steady),
      json_list(report.warnings, json_quoted), options.interval_s,
      json_list(report.intervals, [](const Interval& each) { return json_of(each); }));
  return out + "\n";
}

std::string to_text(const Options& options, const Report& report) {
  std::string out = headline(options, report);
  const std::string_view unit = options.kind == Kind::fan_out ? "delivery"
                                : options.kind == Kind::mcp   ? "call"
                                                              : "round trip";
  const bool sessions = options.kind == Kind::mcp && options.mode == Mode::idle;
  if (options.mode != Mode::idle) {
    out += options.kind == Kind::fan_out ? fan_out_text(report) : round_trips_text(options, report);
  }
  out += returns_text(options, report);
  if (report.server_known) {
    out += fmt::format("  server       {:.0f} % of a core",
                       100 * report.server_cpu_s / report.seconds);
    if (report.delivered != 0) {
      out += fmt::format(", {:.0f} ns per {}", report.server_ns_per_delivery(), unit);
    }
    out += fmt::format(", memory {}, {} per {}\n",
                       human_bytes(static_cast<double>(report.server_rss_bytes)),
                       human_bytes(report.bytes_per_subscriber),
                       options.kind == Kind::fan_out ? "subscriber"
                       : sessions                    ? "session"
                                                     : "connection");
    out += activity_text(report, unit);
  }
  out += fmt::format("  client       {:.0f} % of a core", 100 * report.client_share());
  if (report.delivered != 0) {
    out +=
        fmt::format(", {:.0f} ns per {}, {:.1f} per receive", report.client_ns_per_delivery(), unit,
                    static_cast<double>(report.delivered) / static_cast<double>(report.receives));
  }
  out += "\n";
  for (const std::string& warning : report.warnings) out += "  warning: " + warning + "\n";
  return out;
}

}  // namespace ringcast::load
