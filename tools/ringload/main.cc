// ringload: puts a server under load, checks what it delivers and says what it cost.

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>

#include "tools/manual/commands.h"
#include "tools/ringload/chunked_arguments.h"
#include "tools/ringload/machine.h"
#include "tools/ringload/mcp_arguments.h"
#include "tools/ringload/options.h"
#include "tools/ringload/report.h"
#include "tools/ringload/report_command.h"
#include "tools/ringload/return_arguments.h"
#include "tools/ringload/run.h"
#include "tools/ringload/stamp.h"

namespace {

using namespace ringcast;
using namespace ringcast::load;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kIncorrect = 3;  // or worse than before

constexpr const char* kSseExamples = R"(Examples:
  How much can it carry? 1000 subscribers, 32 publishers, never more than 64 events under way:
    ringload sse --subscribers 1000 --publishers 32 --window 64 --server-pid $(pidof ringcast)
  How fast is it at a given load? Latency counts from when an event should have been sent:
    ringload sse --subscribers 1000 --rate 100 --time 30
  What does a silent subscriber cost?
    ringload sse --subscribers 10000 --idle --time 5 --server-pid $(pidof ringcast)
  Many quiet topics, subscriber i on topic i modulo the topics:
    ringload sse --subscribers 10000 --topics 10000 --publishers 8 --rate 20000
  Another server, described by a file:
    ringload sse --target bench/targets/nchan.yaml --subscribers 1000 --rate 100

A target file (YAML); {topic}, {payload} and {event} are substituted:
    name: nchan
    host: 127.0.0.1
    port: 8081
    subscribe: {path: "/sub/{topic}", headers: {Accept: text/event-stream}}
    publish: {method: POST, path: "/pub/{topic}", headers: {}, body: "{payload}"}
Its parts `ws`, `chunked` and `mcp` are for the other commands.
)";

constexpr const char* kWsExamples = R"(Examples:
  As with `ringload sse`, but the subscribers' connections are WebSockets:
    ringload ws --subscribers 1000 --publishers 32 --window 64 --server-pid $(pidof ringcast)
    ringload ws --subscribers 10000 --idle --time 5 --server-pid $(pidof ringcast)
  A server that sends each message back, 100 connections, 16 KiB a message, as fast as it can:
    ringload ws --echo 16384 --connections 100 --url http://127.0.0.1:9001
  1000 commands a second from 100 callers to a worker behind the server:
    ringload ws --control --connections 100 --rate 1000

The part `ws` of a target file (YAML), here with what holds for ringcast; {topic}, {payload},
{event} and {session} are substituted, and {ref} tells commands and answers from one another:
    ws:
      path: "/ws?topic={topic}"
      headers: {}
      send: ""                # a message after the handshake, to subscribe for instance
      ready: ""               # in the answer to it; nothing: the handshake's answer is enough
      gap: '"event":"gap"'    # in a message that tells of missed events
      publish:                # events are published over HTTP, unless there is a message here
        {path: "", message: "", answer: ""}
      echo_path: "/"
      control:
        caller_path: "/ws/agent/{session}"
        command: '{"action":"pause","ref":"{ref}"}'
        worker_path: "/ws?topic=control.{session}"
        worker_send: ""
        command_mark: action  # in a command that reaches the worker
        command_ref: 'ref\":\"'  # before its reference, which ends at \ or "
        answer: '{"type":"publish","topic":"control.{session}","event":"reply",
          "data":"{\"ref\":\"{ref}\",\"status\":\"paused\"}"}'
        answer_mark: status   # in the answer that reaches the caller
A message is an event if it contains a stamp of this run, wherever it is.
)";

constexpr const char* kAbout = R"(
Every subscriber checks that it gets each event of its topic once and in each publisher's order.
Exit status: 0 measured, 1 could not measure, 2 wrong usage, 3 (with --strict) something was lost,
doubled or out of order.
)";

constexpr const char* kDescription =
    "Opens subscribers and publishers on a server, any server, and says what it delivers, how "
    "fast, "
    "and at what cost. Every subscriber checks loss, duplicates and order; latency counts from the "
    "intended send time.";

Manual ringload_manual() {
  Manual manual;
  manual.page.version = RINGCAST_VERSION;
  manual.page.description = kDescription;
  manual.page.see_also = {"ringcast(1)"};
  for (const std::string command : {"sse ", "ws ", "chunked ", "storm ", "mcp "}) {
    manual.hints.files.push_back(command + "--json");
    manual.hints.files.push_back(command + "--target");
  }
  for (const char* place :
       {"report FILE", "report --csv", "report --html", "diff BEFORE", "diff AFTER"}) {
    manual.hints.files.emplace_back(place);
  }
  return manual;
}

struct Arguments {
  Arguments() { options.window = 0; }  // not given

  Options options;
  std::uint32_t connections = 100;
  std::uint32_t echo_bytes = 0;  // 0: no echo
  bool control = false;
  std::string url = "http://127.0.0.1:8080";
  std::string target_file;
  bool idle = false;
};

void add_load_options(CLI::App& app, Arguments& arguments) {
  Options& options = arguments.options;
  constexpr std::uint32_t kMost = 10'000'000;
  app.add_option("--subscribers", options.subscribers, "subscribers that read")
      ->check(CLI::Range(0U, kMost))
      ->capture_default_str();
  app.add_option("--slow-readers", options.slow_readers, "subscribers in addition that never read")
      ->check(CLI::Range(0U, kMost));
  app.add_option("--publishers", options.publishers,
                 "connections that publish, one request at a time each; chunked: those that write "
                 "a body for each of their topics")
      ->check(CLI::Range(1U, 65535U))
      ->capture_default_str();
  app.add_option("--topics", options.topics, "events go to each in turn")
      ->check(CLI::Range(1U, kMost))
      ->capture_default_str();
  auto* rate = app.add_option("--rate", options.rate,
                              "events/s over all publishers, whatever the server does (open loop)")
                   ->check(CLI::Range(0.001, 1e7));
  auto* window = app.add_option("--window", options.window,
                                "events published but not yet delivered to all (closed loop; this "
                                "is the default, with 64); of round trips: under way, as many as "
                                "the connections may have unless given")
                     ->check(CLI::Range(1U, kMost));
  auto* idle = app.add_flag("--idle", arguments.idle, "publish nothing");
  add_burst_option(app, options);
  add_churn_options(app, options);
  rate->excludes(window);
  idle->excludes(rate)->excludes(window);
  app.add_option("--size", options.size, "bytes of an event's data")
      ->check(CLI::Range(static_cast<std::uint32_t>(kStampBytes), 1U << 20))
      ->capture_default_str();
  app.add_option(
         "--pipeline", options.pipeline,
         "unanswered requests that a publisher may have; chunked: lines that are not with the "
         "kernel yet")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
}

void add_time_options(CLI::App& app, Options& options) {
  app.add_option("--ramp", options.ramp, "connects per second; 0: as fast as they are accepted")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--sources", options.sources,
                 "addresses of 127.0.0.0/8 that connections come from in turn (default: another "
                 "one for each 10,000 connections); for servers on such an address")
      ->check(CLI::Range(1U, 65535U));
  app.add_option("--warmup", options.warmup_s, "seconds of load before measuring")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_option("--time", options.time_s, "seconds measured")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
}

void add_round_trip_options(CLI::App& app, Arguments& arguments) {
  constexpr std::uint32_t kMostEcho = 32U << 20;
  auto* echo = app.add_option("--echo", arguments.echo_bytes,
                              "send messages of this size, and expect each back as it was")
                   ->check(CLI::Range(static_cast<std::uint32_t>(kStampBytes), kMostEcho));
  auto* control = app.add_flag("--control", arguments.control,
                               "send commands, which a worker answers that is connected too");
  echo->excludes(control);
  for (const char* other :
       {"--subscribers", "--slow-readers", "--publishers", "--size", "--idle", "--churn"}) {
    echo->excludes(app.get_option(other));
    control->excludes(app.get_option(other));
  }
  echo->excludes(app.get_option("--topics"));
  app.add_option("--connections", arguments.connections,
                 "connections that send; with --control, --topics is the number of sessions")
      ->check(CLI::Range(1U, 65535U))
      ->capture_default_str();
  app.add_flag("--binary", arguments.options.binary, "echo binary messages instead of text")
      ->needs(echo);
}

void add_target_options(CLI::App& app, Arguments& arguments) {
  Options& options = arguments.options;
  auto* url = app.add_option("--url", arguments.url, "a ringcast server")->capture_default_str();
  app.add_option("--target", arguments.target_file, "a file that describes another server")
      ->excludes(url);
  app.add_option("--topic-prefix", options.topic_prefix, "topics are PREFIX.0, PREFIX.1, ...")
      ->capture_default_str();
  app.add_option("--event", options.event, "what {event} stands for in a target file")
      ->capture_default_str();
  app.add_flag(
      "--raise-backlog", options.raise_backlog,
      "raise net.core.netdev_max_backlog to two packets per subscriber for the run (root)");
}

void add_report_options(CLI::App& app, Options& options) {
  app.add_option("--server-pid", options.server_pids,
                 "measure the CPU and memory of this process and its children (repeatable)")
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 1 << 22));
  app.add_option("--cpu", options.cpu, "run on this core")->check(CLI::Range(0, 4095));
  app.add_flag(
      "--poll", options.poll,
      "look for arrivals in a loop instead of sleeping: on loopback a server also pays for "
      "waking its clients, as it would not over a network");
  app.add_option("--interval", options.interval_s,
                 "seconds of an interval of the timeline that the JSON has")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_option("--json", options.json_file, "write the result here as JSON (-: standard output)");
  app.add_flag("--strict", options.strict, "exit with 3 if anything was lost or doubled");
  app.add_flag("--quiet", options.quiet, "no progress, no report");
}

int complain(const Error& error) {
  std::fprintf(stderr, "ringload: %s\n", error.message.c_str());
  return kFailed;
}

Result<void> settle(Arguments& arguments) {
  Options& options = arguments.options;
  auto target = arguments.target_file.empty() ? target_from_url(arguments.url)
                                              : target_from_file(arguments.target_file);
  if (!target) return std::unexpected(target.error());
  options.target = std::move(*target);
  if (options.transport == Transport::chunked) {
    if (auto useful = check_chunked(options, arguments.target_file); !useful) return useful;
  }
  options.mode = options.rate > 0 ? Mode::open : Mode::closed;
  if (arguments.echo_bytes != 0 || arguments.control) {
    options.kind = arguments.control ? Kind::control : Kind::echo;
    if (arguments.echo_bytes != 0) options.size = arguments.echo_bytes;
    options.publishers = arguments.connections;
    options.subscribers = options.slow_readers = 0;
    if (options.window == 0) options.window = options.publishers * options.pipeline;
  } else if (options.window == 0) {
    options.window = kWindow;
  }
  if (arguments.idle) {
    options.mode = Mode::idle;
    options.warmup_s = 0;
  }
  return {};
}

Result<void> write_json(const Options& options, const Report& report) {
  const std::string text = to_json(options, report);
  if (options.json_file.empty()) return {};
  if (options.json_file == "-") {
    std::fputs(text.c_str(), stdout);
    return {};
  }
  std::ofstream file(options.json_file);
  file << text << std::flush;
  if (!file) return fail("cannot_write", "Cannot write " + options.json_file + ".");
  return {};
}

CLI::App* add_storm(CLI::App& app, StormArguments& arguments, Options& options) {
  CLI::App* storm = app.add_subcommand(
      "storm", "All subscribers are disconnected at once, again and again: how they come back.");
  arguments.add_to(*storm, options);
  add_report_options(*storm, options);
  storm->footer(kStormExamples);
  return storm;
}

int measure(const Options& options) {
  struct sigaction action{};
  action.sa_handler = [](int) { Run::interrupt(); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Backlog backlog;
  if (options.raise_backlog) {
    const auto wanted = static_cast<int>(2 * options.subscribers);
    if (auto raised = backlog.raise(wanted); !raised) return complain(raised.error());
  }
  auto run = Run::create(options);
  if (!run) {
    complain(run.error());
    return run.error().code == "bad_usage" ? kUsage : kFailed;
  }
  const auto report = (*run)->run();
  if (!report) return complain(report.error());
  if (!options.quiet && options.json_file != "-") {
    std::fputs(to_text(options, *report).c_str(), stdout);
  }
  if (auto written = write_json(options, *report); !written) return complain(written.error());
  return options.strict && !report->correct() ? kIncorrect : 0;
}

int report_files(const ReportCommand& command) {
  const auto reported = command.run();
  return reported ? 0 : complain(reported.error());
}

int compare_files(const DiffCommand& command) {
  const auto worse = command.run();
  if (!worse) return complain(worse.error());
  return *worse ? kIncorrect : 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Puts an event-streaming server under load and measures it.", "ringload");
  app.require_subcommand(1);
  CLI::App* sse = app.add_subcommand(
      "sse",
      "Subscribers over SSE, publishers over HTTP: deliveries/s, latency, cost, correctness.");
  CLI::App* ws = app.add_subcommand(
      "ws", "The same with subscribers over WebSocket; or round trips: echoes, commands.");
  CLI::App* chunked = app.add_subcommand(
      "chunked",
      "The same over chunked HTTP: a line for each event, in endless responses and bodies.");
  StormArguments storm_arguments;
  Options storm_options;
  CLI::App* storm = add_storm(app, storm_arguments, storm_options);
  CLI::App* mcp = app.add_subcommand(
      "mcp",
      "Calls of a tool of an MCP server: calls/s, latency, cost, whether answers are right.");
  Arguments arguments;
  for (CLI::App* each : {sse, ws, chunked}) {
    add_load_options(*each, arguments);
    if (each == ws) add_round_trip_options(*each, arguments);
    add_time_options(*each, arguments.options);
    add_target_options(*each, arguments);
    add_report_options(*each, arguments.options);
    const std::string examples = each == ws    ? kWsExamples
                                 : each == sse ? kSseExamples
                                               : kChunkedExamples;
    each->footer(examples + kAbout);
  }
  McpArguments mcp_arguments;
  Options mcp_options;
  arguments.options.command = mcp_options.command = storm_options.command = {argv, argv + argc};
  mcp_arguments.add_to(*mcp, mcp_options);
  add_time_options(*mcp, mcp_options);
  add_report_options(*mcp, mcp_options);
  mcp->footer(kMcpExamples);
  CLI::App* report =
      app.add_subcommand("report", "Results side by side: a table, CSV, an HTML file with plots.");
  ReportCommand report_command;
  report_command.add_to(*report);
  CLI::App* diff = app.add_subcommand("diff", "Compares results: what is better, what is worse.");
  DiffCommand diff_command;
  diff_command.add_to(*diff);
  const Manual manual = ringload_manual();
  int printed = -1;  // by the commands of the manual
  add_manual_commands(app, manual, printed);
  if (auto answered = answer_completion(app, manual.hints, argc, argv)) return *answered;
  try {
    app.parse(argc, argv);
    if (printed >= 0) return printed;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (report->parsed()) return report_files(report_command);
  if (diff->parsed()) return compare_files(diff_command);
  if (ws->parsed()) arguments.options.transport = Transport::ws;
  if (chunked->parsed()) arguments.options.transport = Transport::chunked;
  const Options& options = mcp->parsed()     ? mcp_options
                           : storm->parsed() ? storm_options
                                             : arguments.options;
  auto settled = mcp->parsed()     ? mcp_arguments.settle(mcp_options)
                 : storm->parsed() ? storm_arguments.settle(storm_options)
                                   : settle(arguments);
  if (!settled) {
    complain(settled.error());
    return settled.error().code == "bad_usage" ? kUsage : kFailed;
  }
  return measure(options);
}
