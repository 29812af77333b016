#include "tools/ringload/table_command.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "tools/ringload/json_text.h"
#include "tools/ringload/transport_table.h"

namespace ringcast::load {
namespace {

constexpr const char* kExamples = R"(Examples:
  The whole table, medians of three rounds, a quarter of an hour:
    ringload table --html table.html --json table.json
  ringcast alone, once:
    ringload table --reference none --rounds 1

Over each of WebSocket, SSE, MCP and HTTP chunked there are two loads, each on a server that was
just started, on one core:
  flat out  10,000 events to 100 subscribers, 64 under way (MCP: 10,000 calls on 100 connections,
            one under way on each): throughput in deliveries (calls) a second, and the memory of
            all processes of the server, without what they share with files
  paced     500 events a second on 10 topics with 10 subscribers each (MCP: 500 calls a second) for
            20 s, 10,000 in all: average and p95 of the latency, from when an event should have been
            sent
The reference is bench/reference: FastAPI, Uvicorn with four workers, Redis. `published` are the
figures for FastAPI and Uvicorn with four workers and 10,000 events that are known from elsewhere.
Exit status: 0 measured, 1 something could not be measured, 2 wrong usage, 3 (with --check) ringcast
has less than 100 times the throughput published or more than a hundredth of its latency.
)";

// What `ringload run` would be given.
constexpr const char* kHead = R"(format: 1
title: Four transports, {events} events
rounds: {rounds}
directory: /
client_core: {core}
subjects:
)";

// Of a transport.
constexpr const char* kLoads =
    R"(  {name} flat out: {{{load}, {flat}, events: {events}, time: 300, poll: true{subjects}}}
  {name} paced: {{{load}, {rate}, time: {seconds}{subjects}}}
)";

struct Load {
  const char* name;
  const char* options;
  const char* publishers;
  const char* rate;
};

constexpr const char* kPublishers = "publishers: 8, window: 64";
constexpr const char* kPace = "publishers: 4, topics: 10, rate: 500";
constexpr Load kTransports[] = {
    {"WebSocket", "over: ws, subscribers: 100", kPublishers, kPace},
    {"SSE", "over: sse, subscribers: 100", kPublishers, kPace},
    {"MCP", "over: mcp", "connections: 100", "connections: 100, rate: 500"},
    {"HTTP chunked", "over: chunked, subscribers: 100", kPublishers, kPace},
};

std::filesystem::path own_folder() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
}

// What was given, or what is there from the folder of this program.
std::filesystem::path or_own(const std::string& given, const char* path) {
  return given.empty() ? own_folder() / path : std::filesystem::path(given);
}

Result<std::string> existing(const std::filesystem::path& path, std::string_view option) {
  std::error_code error;
  const auto whole = std::filesystem::weakly_canonical(path, error);
  if (!error && std::filesystem::exists(whole, error)) return whole.string();
  return fail("not_found",
              fmt::format("There is no {}; {} says where it is.", path.string(), option));
}

// JSON is YAML as well.
std::string subject_text(const std::string& name, const std::vector<std::string>& start, int core,
                         const std::string& where) {
  return fmt::format("  {}:\n    start: {}\n    cores: [{}]\n    {}\n", name,
                     json_list(start, json_quoted), core, where);
}

std::string loads_text(std::uint32_t events, double seconds, bool with_reference) {
  std::string text = "loads:\n";
  for (const Load& each : kTransports) {
    const bool tool = each.name == std::string_view("MCP");
    std::string subjects = tool ? kRingcastTool : kRingcast;
    if (with_reference) subjects += fmt::format(", {}", kReference);
    text += fmt::format(fmt::runtime(kLoads), fmt::arg("name", each.name),
                        fmt::arg("load", each.options), fmt::arg("flat", each.publishers),
                        fmt::arg("events", events), fmt::arg("rate", each.rate),
                        fmt::arg("seconds", seconds),
                        fmt::arg("subjects", fmt::format(", subjects: [{}]", subjects)));
  }
  return text;
}

}  // namespace

void TableCommand::add_to(CLI::App& app) {
  app.add_option("--ringcast", ringcast_, "the program (default: the one beside ringload)");
  app.add_option("--tool", tool_,
                 "a program with ringcast's library and a tool `echo`, for MCP (default: the "
                 "example_mcp_echo beside ringload)");
  app.add_option("--reference", reference_,
                 "what starts the reference stack, or none (default: bench/reference/start of the "
                 "sources that ringload was built from)");
  app.add_option("--events", events_, "events of a run that is flat out")
      ->check(CLI::Range(1U, 100'000'000U))
      ->capture_default_str();
  app.add_option("--time", time_s_, "seconds of a run that is paced")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  app.add_option("--rounds", rounds_, "of which the medians are shown")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--server-core", server_core_, "where the servers run")
      ->check(CLI::Range(0, 4095))
      ->capture_default_str();
  app.add_option("--client-core", client_core_, "where the load runs")
      ->check(CLI::Range(0, 4095))
      ->capture_default_str();
  files_.add_to(app);
  app.add_flag("--check", check_, "exit with 3 if ringcast is not as much better as it should be");
  app.add_flag("--quiet", quiet_, "no progress");
  app.footer(kExamples);
}

Result<std::string> TableCommand::ringcast_texts() const {
  const auto ringcast = existing(or_own(ringcast_, "ringcast"), "--ringcast");
  if (!ringcast) return std::unexpected(ringcast.error());
  const auto tool = existing(or_own(tool_, "example_mcp_echo"), "--tool");
  if (!tool) return std::unexpected(tool.error());
  const std::string core = std::to_string(server_core_);
  const std::string url = R"(url: "http://127.0.0.1:{port}")";
  return subject_text(kRingcast,
                      {*ringcast, "serve", "--listen", "127.0.0.1:{port}", "--cores", core},
                      server_core_, url + "\n    ready: /health") +
         subject_text(kRingcastTool, {*tool, "127.0.0.1:{port}"}, server_core_, url);
}

Result<std::string> TableCommand::reference_text() const {
  const auto start = existing(or_own(reference_, "../../../bench/reference/start"), "--reference");
  if (!start) return std::unexpected(start.error());
  const auto folder = std::filesystem::path(*start).parent_path();
  const auto target = existing(folder / "../targets/reference.yaml", "--reference");
  if (!target) return std::unexpected(target.error());
  return subject_text(kReference, {*start, "--port", "{port}"}, server_core_,
                      "target: " + json_quoted(*target) + "\n    ready: /health");
}

Result<Scenario> TableCommand::scenario() const {
  auto subjects = ringcast_texts();
  if (!subjects) return std::unexpected(subjects.error());
  const bool with_reference = reference_ != "none";
  if (with_reference) {
    const auto reference = reference_text();
    if (!reference) return std::unexpected(reference.error());
    *subjects += *reference;
  }
  const std::string head = fmt::format(fmt::runtime(kHead), fmt::arg("events", events_),
                                       fmt::arg("rounds", rounds_), fmt::arg("core", client_core_));
  return scenario_from_yaml(head + *subjects + loads_text(events_, time_s_, with_reference),
                            "table", "/");
}

Result<bool> TableCommand::run() const {
  const auto table = scenario();
  if (!table) return std::unexpected(table.error());
  const auto result = play(*table, step_printer(quiet_));
  if (!result) return std::unexpected(result.error());
  const auto rows = transport_rows(*result);
  std::fputs(to_text(rows).c_str(), stdout);
  if (auto written = files_.write(*table, *result); !written) {
    return std::unexpected(written.error());
  }
  if (!result->failures.empty()) {
    return fail("load_failed",
                fmt::format("{} of the runs could not be measured.", result->failures.size()));
  }
  bool holds = true;
  for (const TransportRow& row : rows) holds = holds && row.holds();
  return holds || !check_;
}

}  // namespace ringcast::load
