#include "tools/ringload/report_csv.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "tools/ringload/figure.h"

namespace ringcast::load {
namespace {

// The shortest text that reads as the same number: no exponent where it is whole.
std::string number(double value) {
  return value == static_cast<double>(static_cast<std::int64_t>(value))
             ? fmt::to_string(static_cast<std::int64_t>(value))
             : fmt::to_string(value);
}

std::string number(const std::optional<double>& value) { return value ? number(*value) : ""; }

std::string quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') out += c;
  }
  return out + '"';
}

using Cells = std::vector<std::pair<std::string_view, std::string>>;

std::string command_line(const RunResult& run) {
  std::string line;
  for (const std::string& word : run.command) line += (line.empty() ? "" : " ") + word;
  return line;
}

Cells cells_of(const Measurement& measurement, const RunResult& run, std::size_t index) {
  Cells cells = {{"measurement", quoted(measurement.name)},
                 {"run", fmt::to_string(index + 1)},
                 {"file", quoted(run.file)},
                 {"started_at", quoted(run.started_at)},
                 {"ringload", quoted(run.ringload)},
                 {"target", quoted(run.target)},
                 {"transport", quoted(run.transport)},
                 {"kind", quoted(run.kind)},
                 {"mode", quoted(run.mode)},
                 {"subscribers", number(run.subscribers)},
                 {"publishers", number(run.publishers)},
                 {"topics", number(run.topics)},
                 {"size_bytes", number(run.size)},
                 {"rate_per_s", number(run.rate)},
                 {"window_events", number(run.window)},
                 {"measured_s", number(run.seconds)},
                 {"published_events", number(run.published)},
                 {"delivered_events", number(run.delivered)}};
  const auto add_figures = [&](bool late) {
    for (const Figure& figure : all_figures()) {
      if (figure.late == late) cells.emplace_back(figure.name, number(figure.of(run)));
    }
  };
  add_figures(false);
  cells.insert(cells.end(), {{"mean_us", number(run.latency.mean_us)},
                             {"publish_p50_us", number(run.publish_latency.p50_us)},
                             {"publish_p99_us", number(run.publish_latency.p99_us)},
                             {"publish_max_us", number(run.publish_latency.max_us)},
                             {"client_cpu_ns_per_delivery", number(run.client_ns_per_delivery)},
                             {"server_waited_s", number(run.server_waited_s)},
                             {"client_waited_s", number(run.client_waited_s)},
                             {"netdev_dropped_packets", number(run.netdev_dropped)},
                             {"steal_share", number(run.steal_share)},
                             {"warnings", fmt::to_string(run.warnings.size())},
                             {"cpu_model", quoted(run.environment.cpu_model)},
                             {"cores", fmt::to_string(run.environment.cores)},
                             {"kernel", quoted(run.environment.kernel)},
                             {"load_average", number(run.environment.load_average)},
                             {"command", quoted(command_line(run))}});
  add_figures(true);
  cells.emplace_back("publish_p95_us", number(run.publish_latency.p95_us));
  return cells;
}

template <class Take>
std::string line_of(const Cells& cells, Take take) {
  std::string line;
  for (const auto& cell : cells) {
    if (&cell != &cells.front()) line += ',';
    line += take(cell);
  }
  return line + "\r\n";
}

}  // namespace

std::string csv_of(const std::vector<Measurement>& measurements) {
  std::string out;
  for (const Measurement& measurement : measurements) {
    for (std::size_t index = 0; index < measurement.runs.size(); ++index) {
      const Cells cells = cells_of(measurement, measurement.runs[index], index);
      if (out.empty()) out = line_of(cells, [](const auto& cell) { return cell.first; });
      out += line_of(cells, [](const auto& cell) { return cell.second; });
    }
  }
  return out;
}

}  // namespace ringcast::load
