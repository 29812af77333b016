#include "tools/ringload/load_arguments.h"

#include <utility>

#include "tools/ringload/chunked_arguments.h"
#include "tools/ringload/stamp.h"
#include "tools/ringload/warmup_argument.h"

namespace ringcast::load {
namespace {

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

}  // namespace

void LoadArguments::add_load_options(CLI::App& app) {
  Options& options = options_;
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
  auto* idle = app.add_flag("--idle", idle_, "publish nothing");
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

void LoadArguments::add_time_options(CLI::App& app, Options& options) {
  app.add_option("--ramp", options.ramp, "connects per second; 0: as fast as they are accepted")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  add_sources_option(app, options);
  add_warmup_option(app, options);
  app.add_option("--time", options.time_s, "seconds measured")
      ->check(CLI::Range(0.01, 86400.0))
      ->capture_default_str();
  app.add_option("--events", options.events,
                 "measure until so many events are published or calls answered, or --time is over")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
}

void LoadArguments::add_round_trip_options(CLI::App& app) {
  constexpr std::uint32_t kMostEcho = 32U << 20;
  auto* echo = app.add_option("--echo", echo_bytes_,
                              "send messages of this size, and expect each back as it was")
                   ->check(CLI::Range(static_cast<std::uint32_t>(kStampBytes), kMostEcho));
  auto* control = app.add_flag("--control", control_,
                               "send commands, which a worker answers that is connected too");
  echo->excludes(control);
  for (const char* other :
       {"--subscribers", "--slow-readers", "--publishers", "--size", "--idle", "--churn"}) {
    echo->excludes(app.get_option(other));
    control->excludes(app.get_option(other));
  }
  echo->excludes(app.get_option("--topics"));
  app.add_option("--connections", connections_,
                 "connections that send; with --control, --topics is the number of sessions")
      ->check(CLI::Range(1U, 65535U))
      ->capture_default_str();
  app.add_flag("--binary", options_.binary, "echo binary messages instead of text")->needs(echo);
}

void LoadArguments::add_report_options(CLI::App& app, Options& options) {
  app.add_option("--server-pid", options.server_pids,
                 "measure the CPU and memory of this process and its children (repeatable)")
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 1 << 22));
  app.add_option("--port", port_,
                 "the server's port, instead of the one that --url or --target has")
      ->check(CLI::Range(1, 65535));
  app.add_option("--cpu", options.cpu, "run on this core")->check(CLI::Range(0, 4095));
  app.add_flag(
      "--poll", options.poll,
      "look for arrivals in a loop instead of sleeping: on loopback a server also pays for "
      "waking its clients, as it would not over a network");
  app.add_flag(
      "--kernel-arrivals", options.kernel_arrivals,
      "latency ends when the bytes come to this machine's kernel, not when ringload collects them: "
      "what else runs on its core counts less then");
  app.add_option("--interval", options.interval_s,
                 "seconds of an interval of the timeline that the JSON has")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  app.add_flag("--print-intervals", options.print_intervals,
               "a line on standard error for each of them as it ends");
  app.add_option("--json", options.json_file, "write the result here as JSON (-: standard output)");
  app.add_flag("--strict", options.strict, "exit with 3 if anything was lost or doubled");
  app.add_flag("--quiet", options.quiet, "no live view, no report");
}

void LoadArguments::add_to(CLI::App& app) {
  sse_ = app.add_subcommand(
      "sse",
      "Subscribers over SSE, publishers over HTTP: deliveries/s, latency, cost, correctness.");
  ws_ = app.add_subcommand(
      "ws", "The same with subscribers over WebSocket; or round trips: echoes, commands.");
  chunked_ = app.add_subcommand(
      "chunked",
      "The same over chunked HTTP: a line for each event, in endless responses and bodies.");
  storm_ = app.add_subcommand(
      "storm", "All subscribers are disconnected at once, again and again: how they come back.");
  mcp_ = app.add_subcommand(
      "mcp",
      "Calls of a tool of an MCP server: calls/s, latency, cost, whether answers are right.");
  options_.window = 0;  // not given
  for (CLI::App* each : {sse_, ws_, chunked_}) {
    add_load_options(*each);
    if (each == ws_) add_round_trip_options(*each);
    add_time_options(*each, options_);
    target_.add_to(*each, options_);
    add_report_options(*each, options_);
    const std::string examples = each == ws_    ? kWsExamples
                                 : each == sse_ ? kSseExamples
                                                : kChunkedExamples;
    each->footer(examples + kAbout);
  }
  storm_arguments_.add_to(*storm_, storm_options_);
  add_report_options(*storm_, storm_options_);
  storm_->footer(kStormExamples);
  mcp_arguments_.add_to(*mcp_, mcp_options_);
  add_time_options(*mcp_, mcp_options_);
  add_report_options(*mcp_, mcp_options_);
  mcp_->footer(kMcpExamples);
}

bool LoadArguments::parsed() const {
  return sse_->parsed() || ws_->parsed() || chunked_->parsed() || storm_->parsed() ||
         mcp_->parsed();
}

Result<Options> LoadArguments::settle() {
  auto settled = mcp_->parsed()     ? mcp_arguments_.settle(mcp_options_)
                 : storm_->parsed() ? storm_arguments_.settle(storm_options_)
                                    : settle_fan_out();
  if (!settled) return std::unexpected(settled.error());
  Options options = mcp_->parsed() ? mcp_options_ : storm_->parsed() ? storm_options_ : options_;
  if (port_ != 0) options.target.port = port_;
  return options;
}

Result<void> LoadArguments::settle_fan_out() {
  Options& options = options_;
  if (ws_->parsed()) options.transport = Transport::ws;
  if (chunked_->parsed()) options.transport = Transport::chunked;
  auto target = target_.read();
  if (!target) return std::unexpected(target.error());
  options.target = std::move(*target);
  if (options.transport == Transport::chunked) {
    if (auto useful = check_chunked(options, target_.file()); !useful) return useful;
  }
  options.mode = options.rate > 0 ? Mode::open : Mode::closed;
  if (echo_bytes_ != 0 || control_) {
    options.kind = control_ ? Kind::control : Kind::echo;
    if (echo_bytes_ != 0) options.size = echo_bytes_;
    options.publishers = connections_;
    options.subscribers = options.slow_readers = 0;
    if (options.window == 0) options.window = options.publishers * options.pipeline;
  } else if (options.window == 0) {
    options.window = kWindow;
  }
  if (idle_) {
    options.mode = Mode::idle;
    options.warmup_s = 0;
  }
  return {};
}

}  // namespace ringcast::load
