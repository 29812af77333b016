#include "tools/ringload/return_report.h"

#include <fmt/format.h>

#include "tools/ringload/json_text.h"

namespace ringcast::load {
namespace {

std::string json_seconds(double seconds) {
  return seconds < 0 ? "null" : fmt::format("{:.6f}", seconds);
}

std::string json_of(const LatencySummary& latency) {
  if (latency.count == 0) return R"({"p50":null,"p99":null,"max":null})";
  return fmt::format(R"({{"p50":{:.3f},"p99":{:.3f},"max":{:.3f}}})", latency.p50_us,
                     latency.p99_us, latency.max_us);
}

std::string json_of(const StormFigures& storm, bool server_known) {
  std::string server = R"("server_cpu_s":null,"server_rss_peak_bytes":null)";
  if (server_known) {
    server = fmt::format(R"("server_cpu_s":{:.6f},"server_rss_peak_bytes":{})", storm.server_cpu_s,
                         storm.server_rss_peak_bytes);
  }
  return fmt::format(
      R"({{"at_s":{:.6f},"disconnected":{},"streaming_50_s":{},"streaming_99_s":{},)"
      R"("streaming_100_s":{},"caught_up_s":{},"connects":{},"connects_per_s":{:.1f},)"
      R"("failed_connects":{},"publish_us":{},{}}})",
      storm.at_s, storm.disconnected, json_seconds(storm.half_s), json_seconds(storm.most_s),
      json_seconds(storm.all_s), json_seconds(storm.caught_up_s), storm.connects,
      storm.connects_per_s, storm.failed_connects, json_of(storm.publish), server);
}

std::string storms_json(const Options& options, const Report& report) {
  const StormsFigures& all = *report.storms;
  const StormOptions& storm = options.storm;
  std::string text = fmt::format(
      R"("storm":{{"count":{},"every_s":{},"ramp":{},"resume":{},"reset":{},"missed":{},"away":{},)"
      R"("failed_connects":{},"ready_us":{},"server_rss_peak_bytes":{}}},)",
      storm.count, storm.every_s, storm.ramp > 0 ? fmt::format("{}", storm.ramp) : "null",
      storm.resume, options.reset, all.missed, all.away, all.failed_connects, json_of(all.ready),
      report.server_known ? fmt::format("{}", all.server_rss_peak_bytes) : "null");
  text += fmt::format(R"("storms":{},)", json_list(all.storms, [&](const StormFigures& each) {
                        return json_of(each, report.server_known);
                      }));
  return text;
}

std::string ready_text(const LatencySummary& ready) {
  if (ready.count == 0) return "";
  return fmt::format(", streaming after p50 {}  p99 {}", human_us(ready.p50_us),
                     human_us(ready.p99_us));
}

std::string text_seconds(double seconds) {
  return seconds < 0 ? "-" : human_us(seconds * 1'000'000);
}

std::string storms_text(const Options& options, const Report& report) {
  const StormsFigures& all = *report.storms;
  std::string out = fmt::format("  {:<13}{:>12} {:>9} {:>9} {:>9} {:>10} {:>11} {:>7} {:>12}",
                                "storms", "disconnected", "50 %", "99 %", "100 %", "caught up",
                                "connects/s", "failed", "publish p99");
  out += report.server_known ? fmt::format(" {:>11} {:>12}\n", "server CPU", "memory peak") : "\n";
  std::size_t number = 0;
  for (const StormFigures& storm : all.storms) {
    out += fmt::format("  {:<13}{:>12} {:>9} {:>9} {:>9} {:>10} {:>11} {:>7} {:>12}", ++number,
                       with_commas(static_cast<double>(storm.disconnected)),
                       text_seconds(storm.half_s), text_seconds(storm.most_s),
                       text_seconds(storm.all_s), text_seconds(storm.caught_up_s),
                       with_commas(storm.connects_per_s), storm.failed_connects,
                       storm.publish.count == 0 ? "-" : human_us(storm.publish.p99_us));
    if (report.server_known) {
      out += fmt::format(" {:>11} {:>12}", human_us(storm.server_cpu_s * 1'000'000),
                         human_bytes(static_cast<double>(storm.server_rss_peak_bytes)));
    }
    out += "\n";
  }
  out += options.storm.resume ? "  returns      behind the last id"
                              : fmt::format("  returns      without resuming: {} deliveries missed",
                                            with_commas(static_cast<double>(all.missed)));
  return out + ready_text(all.ready) + "\n";
}

}  // namespace

std::string returns_json(const Options& options, const Report& report) {
  std::string out;
  if (report.churn) {
    out += fmt::format(R"("churn":{{"per_s":{},"replaced":{},"failed":{},"ready_us":{}}},)",
                       options.churn_per_s, report.churn->replaced, report.churn->failed,
                       json_of(report.churn->ready));
  }
  if (report.storms) out += storms_json(options, report);
  return out;
}

std::string returns_text(const Options& options, const Report& report) {
  std::string out;
  if (report.churn) {
    out += fmt::format("  churn        {} replaced ({}/s asked for), {} failed connects{}\n",
                       with_commas(static_cast<double>(report.churn->replaced)),
                       options.churn_per_s, report.churn->failed, ready_text(report.churn->ready));
  }
  if (report.storms) out += storms_text(options, report);
  return out;
}

}  // namespace ringcast::load
