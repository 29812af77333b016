#include "tools/ringload/result_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/ringload/report.h"
#include "tools/ringload/result_fields.h"

namespace ringcast::load {
namespace {

namespace dom = simdjson::dom;

constexpr std::uintmax_t kMostBytes = 256U << 20;

// Of what counts or lasts, and so is never negative.
double amount(ResultFields& from, std::string_view name) {
  const double value = from.number_or(name, 0);
  if (value < 0) from.blame(name, "is negative");
  return value;
}

std::optional<double> amount_if(ResultFields& from, std::string_view name) {
  const auto value = from.number_if(name);
  if (value && *value < 0) from.blame(name, "is negative");
  return value;
}

LatencyFigures latency_of(ResultFields from) {
  return {.p50_us = amount_if(from, "p50"),
          .p90_us = amount_if(from, "p90"),
          .p95_us = amount_if(from, "p95"),
          .p99_us = amount_if(from, "p99"),
          .p999_us = amount_if(from, "p999"),
          .max_us = amount_if(from, "max"),
          .mean_us = amount_if(from, "mean")};
}

std::vector<CurvePoint> curve_of(ResultFields& run, std::string_view name) {
  std::vector<CurvePoint> curve;
  for (const auto& [share, us] : run.pairs(name)) {
    const bool rises = curve.empty() || share > curve.back().share;
    if (!(share >= 0 && share <= 1 && rises && us >= 0)) {
      run.blame(name, "has something but rising shares with latencies");
      break;
    }
    curve.push_back({share, us});
  }
  return curve;
}

Environment environment_of(ResultFields from) {
  Environment environment;
  environment.cpu_model = from.text_or("cpu_model", "");
  environment.cores = static_cast<std::uint32_t>(std::min(amount(from, "cores"), 1e6));
  environment.kernel = from.text_or("kernel", "");
  environment.memory_bytes = static_cast<std::uint64_t>(amount(from, "memory_bytes"));
  environment.netdev_max_backlog =
      static_cast<std::int64_t>(from.number_or("netdev_max_backlog", -1));
  environment.tcp_congestion_control = from.text_or("tcp_congestion_control", "");
  environment.load_average = amount(from, "load_average");
  environment.virtualised = from.flag_or("virtualised", false);
  return environment;
}

void read_intervals(ResultFields& from, RunResult& run) {
  for (ResultFields& each : from.objects("intervals")) {
    run.intervals.push_back({.at_s = each.number_or("at_s", 0),
                             .seconds = amount(each, "seconds"),
                             .published = amount(each, "published"),
                             .delivered = amount(each, "delivered"),
                             .latency = latency_of(each.object_or_nothing("latency_us")),
                             .server_anon_bytes = amount_if(each, "server_anon_bytes")});
  }
}

void read_costs(ResultFields& from, RunResult& run) {
  ResultFields server = from.object_or_nothing("server");
  run.server_cpu_s = amount_if(server, "cpu_s");
  if (run.delivered > 0) run.server_ns_per_delivery = amount_if(server, "cpu_ns_per_delivery");
  run.server_rss_bytes = amount_if(server, "rss_bytes");
  run.server_anon_bytes = amount_if(server, "anon_bytes");
  run.server_bytes_per_subscriber = server.number_if("bytes_per_subscriber");
  run.server_context_switches = amount_if(server, "context_switches");
  run.server_involuntary_switches = amount_if(server, "involuntary_switches");
  run.server_io_calls = amount_if(server, "io_calls");
  ResultFields client = from.object_or_nothing("client");
  run.client_share = amount_if(client, "cpu_share");
  if (run.delivered > 0) run.client_ns_per_delivery = amount_if(client, "cpu_ns_per_delivery");
  ResultFields waited = from.object_or_nothing("waited_s");
  run.server_waited_s = amount(waited, "server");
  run.client_waited_s = amount(waited, "client");
  run.netdev_dropped = amount(from, "netdev_dropped");
  run.steal_share = amount(from, "steal_share");
}

void read_errors(ResultFields& from, RunResult& run) {
  run.lost = amount(from, "lost");
  run.duplicates = amount(from, "duplicates");
  run.out_of_order = amount(from, "out_of_order");
  run.altered = amount(from, "altered");
  run.foreign = amount(from, "foreign");
  run.gaps = amount(from, "gaps");
  ResultFields errors = from.object_or_nothing("errors");
  run.calls_failed = amount(errors, "calls_failed");
  run.refused = amount(errors, "refused");
  run.unsent = amount(errors, "unsent");
  run.connections_failed = amount(errors, "subscribers_failed") +
                           amount(errors, "subscribers_lost") + amount(errors, "publishers_failed");
}

RunResult run_of(ResultFields& from, const std::string& file) {
  RunResult run;
  run.file = file;
  run.ringload = from.text_or("ringload", "");
  run.started_at = from.text_or("started_at", "");
  run.command = from.texts("command");
  run.environment = environment_of(from.object_or_nothing("environment"));
  run.target = from.text("target");
  run.transport = from.text("transport");
  run.kind = from.text_or("kind", "fan_out");
  run.mode = from.text("mode");
  run.subscribers = amount(from, "subscribers");
  run.publishers = amount(from, "publishers");
  run.topics = amount(from, "topics");
  run.size = amount(from, "size");
  run.rate = amount_if(from, "rate");
  run.window = amount_if(from, "window");
  for (const std::string_view needed : {"seconds", "deliveries_per_s"}) from.number(needed);
  run.seconds = amount(from, "seconds");
  run.published = amount(from, "published");
  run.delivered = amount(from, "delivered");
  run.deliveries_per_s = amount(from, "deliveries_per_s");
  run.events_per_s = amount(from, "events_per_s");
  run.latency = latency_of(from.object("latency_us"));
  run.publish_latency = latency_of(from.object_or_nothing("publish_us"));
  run.curve = curve_of(from, "percentiles_us");
  run.publish_curve = curve_of(from, "publish_percentiles_us");
  run.warnings = from.texts("warnings");
  read_errors(from, run);
  read_costs(from, run);
  read_intervals(from, run);
  return run;
}

std::string name_of(const RunResult& run) {
  return run.target + " " + run.transport + (run.idle() ? " idle" : "");
}

Result<void> check_format(ResultFields& root, const std::string& file, std::string& wrong) {
  if (!root.has("format")) {
    return fail("not_a_result", fmt::format("{} is no result of ringload: {}.", file,
                                            wrong.empty() ? "it has no `format`" : wrong));
  }
  const double format = root.number("format");
  if (!wrong.empty()) {
    return fail("not_a_result", fmt::format("{} is no result of ringload: {}.", file, wrong));
  }
  if (format == kResultFormat) return {};
  return fail("other_format",
              fmt::format("{} has format {}, and this ringload reads format {} only.", file, format,
                          kResultFormat));
}

std::vector<Measurement> measurements_of(ResultFields& root, const std::string& file) {
  std::vector<Measurement> found;
  const std::string scenario = root.object_or_nothing("scenario").text_or("text", "");
  for (ResultFields& each : root.objects("measurements")) {
    Measurement one{.name = each.text("name"), .runs = {}};
    for (ResultFields& run : each.objects("runs")) {
      if (run.number_or("format", kResultFormat) != kResultFormat) {
        run.blame("format", "is another one");
      }
      one.runs.push_back(run_of(run, file));
    }
    if (one.runs.empty()) each.blame("runs", "has no run");
    one.scenario = scenario;
    found.push_back(std::move(one));
  }
  if (found.empty()) root.blame("measurements", "has none");
  return found;
}

// Whether an object or a list that the text begins with is still open at its end.
bool is_cut_off(std::string_view text) {
  std::int64_t open = 0;
  bool quoted = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted && c == '\\') {
      ++at;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && (c == '{' || c == '[')) {
      ++open;
    } else if (!quoted && (c == '}' || c == ']')) {
      --open;
    }
  }
  return open > 0 || quoted;
}

// The parser's own sentences say which of its stages failed.
std::string json_complaint(simdjson::error_code error, std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return "is empty";
  if (is_cut_off(text)) return "is cut off before its end";
  return error == simdjson::UTF8_ERROR ? "is no JSON: it is not UTF-8" : "is no JSON";
}

struct NamedFile {
  std::string name;  // may be empty
  std::string file;
};

// A file that is there is meant, whatever its name has in it.
NamedFile split(const std::string& word) {
  const std::size_t at = word.find('=');
  std::error_code error;
  if (at == std::string::npos || at == 0 || std::filesystem::exists(word, error)) return {"", word};
  return {word.substr(0, at), word.substr(at + 1)};
}

Measurement* with_name(std::vector<Measurement>& all, const std::string& name) {
  const auto found = std::ranges::find(all, name, &Measurement::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

Result<std::vector<Measurement>> parse_results(std::string_view text, const std::string& file) {
  dom::parser parser;
  dom::element value;
  const simdjson::padded_string padded(text);
  if (const auto error = parser.parse(padded).get(value); error != simdjson::SUCCESS) {
    return fail("not_json", fmt::format("{} {}.", file, json_complaint(error, text)));
  }
  std::string wrong;
  ResultFields root(value, "", wrong);
  if (auto known = check_format(root, file, wrong); !known) return std::unexpected(known.error());
  std::vector<Measurement> found;
  if (root.has("measurements")) {
    found = measurements_of(root, file);
  } else {
    RunResult run = run_of(root, file);
    found.push_back({.name = name_of(run), .runs = {}});
    found.back().runs.push_back(std::move(run));
  }
  if (wrong.empty()) return found;
  return fail("not_a_result", fmt::format("{} is no result of ringload: {}.", file, wrong));
}

Result<std::vector<Measurement>> read_results(const std::string& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    return fail("cannot_read", fmt::format("Cannot read {}: it is a directory.", file));
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    return fail("cannot_read", fmt::format("Cannot read {}: {}.", file, std::strerror(errno)));
  }
  const std::uintmax_t size = std::filesystem::file_size(file, error);
  if (!error && size > kMostBytes) {
    return fail("cannot_read",
                fmt::format("Cannot read {}: it has more than {} MiB.", file, kMostBytes >> 20));
  }
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (stream.bad()) return fail("cannot_read", fmt::format("Cannot read {}.", file));
  return parse_results(text, file);
}

Result<std::vector<Measurement>> read_all_results(const std::vector<std::string>& words) {
  std::vector<Measurement> all;
  for (const std::string& word : words) {
    const auto [name, file] = split(word);
    auto read = read_results(file);
    if (!read) return std::unexpected(read.error());
    const bool alone = read->size() == 1;
    for (Measurement& each : *read) {
      if (!name.empty()) each.name = alone ? name : name + " " + each.name;
      Measurement* same = with_name(all, each.name);
      if (same != nullptr && !name.empty() && alone) {
        std::ranges::move(each.runs, std::back_inserter(same->runs));
        continue;
      }
      if (same != nullptr) each.name += " (" + file + ")";
      for (int number = 2; with_name(all, each.name) != nullptr; ++number) {
        each.name = fmt::format("{} ({})", each.name, number);
      }
      all.push_back(std::move(each));
    }
  }
  return all;
}

}  // namespace ringcast::load
