#include "tools/ringload/return_arguments.h"

#include <fmt/format.h>

#include "tools/ringload/stamp.h"

namespace ringcast::load {

const char* const kStormExamples = R"(Examples:
  All of 10,000 subscribers are cut off three times, and come back as fast as they are accepted:
    ringload storm --subscribers 10000 --rate 20 --server-pid $(pidof ringcast)
  The same over WebSocket, with at most 2000 connects a second, and ten storms:
    ringload storm --over ws --subscribers 10000 --ramp 2000 --storms 10 --every 20
  A server whose events have no ids, so that what was published meanwhile is missed:
    ringload storm --target bench/targets/fastapi.yaml --no-resume --subscribers 1000

Measured of each storm: when 50, 99 and 100 % of the subscribers are streaming again; when they
have caught up, which is to have all that was published before the last of them was streaming;
connects/s; how long publishing took meanwhile. What was published while a subscriber was away must
be replayed to it: it counts as lost otherwise.

Over SSE they resume with the header Last-Event-ID. Over WebSocket a target file (YAML) says how,
here with what holds for ringcast; {last_id} is the id, in `path` percent-encoded:
    ws:
      path: "/ws?topic={topic}"
      resume:
        path: "/ws?topic={topic}&last_event_id={last_id}"
        send: ""       # instead of the `send` of ws, if there is a message to send
        id: '"id":"'   # before the id in a message, which ends at "

Exit status: 0 measured, 1 could not measure, 2 wrong usage, 3 (with --strict) something was lost,
doubled or out of order.
)";

namespace {

constexpr std::uint32_t kMost = 10'000'000;

void add_reset_option(CLI::App& app, Options& options) {
  app.add_flag("--reset", options.reset,
               "who leaves resets the connection (RST) instead of closing it (FIN), which leaves "
               "its port taken for a minute");
}

}  // namespace

void add_burst_option(CLI::App& app, Options& options) {
  app.add_option("--burst", options.burst,
                 "events that are due at the same time, at the same --rate on average")
      ->check(CLI::Range(1U, 1'000'000U))
      ->needs(app.get_option("--rate"));
}

void add_churn_options(CLI::App& app, Options& options) {
  auto* churn = app.add_option("--churn", options.churn_per_s,
                               "subscribers that leave each second, and are replaced by new ones")
                    ->check(CLI::Range(0.001, 1e6));
  add_reset_option(app, options);
  app.get_option("--reset")->needs(churn);
}

void StormArguments::add_to(CLI::App& app, Options& options) {
  app.add_option("--over", over_, "what the subscribers speak")
      ->check(CLI::IsMember({"sse", "ws"}))
      ->capture_default_str();
  app.add_option("--subscribers", options.subscribers, "subscribers")
      ->check(CLI::Range(1U, kMost))
      ->capture_default_str();
  app.add_option("--publishers", options.publishers,
                 "connections that publish, one request at a time each")
      ->check(CLI::Range(1U, 65535U))
      ->capture_default_str();
  app.add_option("--topics", options.topics, "events go to each in turn")
      ->check(CLI::Range(1U, kMost))
      ->capture_default_str();
  options.rate = 100;
  app.add_option("--rate", options.rate, "events/s over all publishers")
      ->check(CLI::Range(0.001, 1e7))
      ->capture_default_str();
  app.add_option("--burst", options.burst, "events that are due at the same time")
      ->check(CLI::Range(1U, 1'000'000U));
  app.add_option("--size", options.size, "bytes of an event's data")
      ->check(CLI::Range(static_cast<std::uint32_t>(kStampBytes), 1U << 20))
      ->capture_default_str();
  app.add_option("--pipeline", options.pipeline, "unanswered requests that a publisher may have")
      ->check(CLI::Range(1U, 1024U))
      ->capture_default_str();
  add_storm_options(app, options);
  target_.add_to(app, options);
}

void StormArguments::add_storm_options(CLI::App& app, Options& options) {
  StormOptions& storm = options.storm;
  storm.count = 3;
  app.add_option("--storms", storm.count, "how often all are disconnected")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  app.add_option("--every", storm.every_s, "seconds from one storm to the next, or to the end")
      ->check(CLI::Range(0.05, 86400.0))
      ->capture_default_str();
  app.add_option("--ramp", storm.ramp,
                 "connects per second when they come back (default: as fast as they are accepted)")
      ->check(CLI::Range(0.001, 1e6));
  app.add_flag("--no-resume", no_resume_,
               "streams begin anew: what was published meanwhile is missed, not lost");
  add_reset_option(app, options);
  app.add_option("--warmup", options.warmup_s, "seconds of load before the first storm")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  add_sources_option(app, options, ", and others after each storm");
}

Result<void> StormArguments::settle(Options& options) const {
  auto target = target_.read();
  if (!target) return std::unexpected(target.error());
  options.target = std::move(*target);
  options.transport = over_ == "ws" ? Transport::ws : Transport::sse;
  options.mode = Mode::open;
  StormOptions& storm = options.storm;
  storm.resume = !no_resume_;
  options.time_s = storm.count * storm.every_s;
  if (options.transport == Transport::ws && storm.resume && options.target.ws.resume.path.empty()) {
    return fail("bad_usage",
                fmt::format("{} does not say how to resume over WebSocket (`ws`, `resume`, "
                            "`path`): add it, or use --no-resume.",
                            target_.file()));
  }
  return {};
}

}  // namespace ringcast::load
