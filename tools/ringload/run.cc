#include "tools/ringload/run.h"

#include <fmt/format.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "tools/ringload/chunked_publisher.h"
#include "tools/ringload/fan_out.h"
#include "tools/ringload/interruption.h"
#include "tools/ringload/mcp_calls.h"
#include "tools/ringload/mcp_streams.h"
#include "tools/ringload/round_trips.h"
#include "tools/ringload/steadiness.h"

namespace ringcast::load {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// Timers wake us some 10 to 60 us late: before a send time we wait in a loop for the rest.
constexpr std::int64_t kSpinNs = 60'000;
constexpr double kLeastMemoryIntervalS = 0.5;  // looking at /proc takes time of the load's
constexpr std::int64_t kTickNs = 20'000'000;   // the longest that a turn waits
constexpr std::int64_t kSettleNs = 300'000'000;
constexpr std::int64_t kConnectQuietNs = 10 * kSecondNs;
constexpr std::int64_t kDrainQuietNs = kSecondNs;
constexpr std::int64_t kDrainMaxNs = 20 * kSecondNs;

std::uint16_t random_run() { return static_cast<std::uint16_t>(std::random_device{}()); }

std::int64_t to_ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

// What a counter of nanoseconds has grown by; those of threads that ended are gone from it.
double seconds(std::uint64_t from_ns, std::uint64_t to_ns) {
  return to_ns > from_ns ? static_cast<double>(to_ns - from_ns) / 1e9 : 0;
}

std::unique_ptr<Workload> make_workload(const Options& options, const Address& address, Loop& loop,
                                        Arrivals& arrivals) {
  if (options.kind == Kind::fan_out) {
    return std::make_unique<FanOut>(options, address, loop, arrivals);
  }
  if (options.kind == Kind::mcp && options.mode == Mode::idle) {
    return std::make_unique<McpStreams>(options, address, loop, arrivals);
  }
  if (options.kind == Kind::mcp) {
    return std::make_unique<McpCalls>(options, address, loop, arrivals);
  }
  return std::make_unique<RoundTrips>(options, address, loop, arrivals);
}

std::size_t connections(const Options& options) {
  if (options.kind == Kind::fan_out) {
    const std::size_t subscribers = std::size_t{options.subscribers} + options.slow_readers;
    if (options.mode == Mode::idle) return subscribers;
    const bool chunked = options.transport == Transport::chunked;
    return subscribers + (chunked ? chunked_connections(options) : options.publishers);
  }
  const bool twice = options.kind == Kind::mcp && options.transport == Transport::sse;
  if (options.mode == Mode::idle) return options.mcp.sessions;
  return std::size_t{options.publishers} * (twice ? 2 : 1);
}

// What the connections are called.
std::string_view members(const Options& options) {
  if (options.kind == Kind::fan_out) return "subscribers";
  return options.mode == Mode::idle ? "sessions" : "connections";
}

}  // namespace

Result<std::unique_ptr<Run>> Run::create(const Options& options) {
  if (options.cpu >= 0) {
    if (auto pinned = pin_to_cpu(options.cpu); !pinned) return std::unexpected(pinned.error());
  }
  for (const pid_t pid : options.server_pids) {
    if (memory({pid}).rss_bytes == 0) {
      return fail("bad_pid", fmt::format("Cannot read /proc/{}/smaps_rollup: there is no such "
                                         "process, or it belongs to another user.",
                                         pid));
    }
  }
  // Otherwise every wait may be 50 us longer than asked.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
  const auto address = resolve(options.target.host, options.target.port);
  if (!address) return std::unexpected(address.error());
  const std::size_t count = connections(options);
  if (auto enough = check_sources(*address, count, options.sources); !enough) {
    return std::unexpected(enough.error());
  }
  auto loop = Loop::create(count);
  if (!loop) return std::unexpected(loop.error());
  return std::unique_ptr<Run>(new Run(options, *address, std::move(*loop)));
}

Run::Run(const Options& options, const Address& address, std::unique_ptr<Loop> loop)
    : options_(options),
      address_(address),
      loop_(std::move(loop)),
      arrivals_(random_run(), options.size),
      warming_up_(WarmUp::kIntervalS),
      timeline_(options.interval_s),
      workload_(make_workload(options, address_, *loop_, arrivals_)),
      members_(members(options)),
      progress_(!options.quiet) {
  arrivals_.origin_ns = loop_->clock_ns();
}

Result<Report> Run::run() {
  auto report = measured();
  progress_.end();
  return report;
}

Result<Report> Run::measured() {
  Report report;
  report.started_at = utc_now();
  report.environment = read_environment();
  memory_before_ = memory(options_.server_pids);
  if (auto connected = connect(); !connected) return std::unexpected(connected.error());
  memory_connected_ = memory(options_.server_pids);
  if (auto loaded = load(report); !loaded) return std::unexpected(loaded.error());
  warn(report);
  return report;
}

Result<void> Run::connect() {
  std::size_t seen = 0;
  std::int64_t quiet_since_ns = now_ns();
  while (!workload_->settled()) {
    const std::int64_t now = now_ns();
    workload_->connect(now);
    const std::int64_t next = workload_->next_connect_ns();
    turn(next < 0 ? now + kTickNs : next);
    if (interrupted) return fail("interrupted", "Interrupted before anything was measured.");
    if (auto useful = workload_->check(); !useful) return useful;
    if (workload_->connected() != seen) {
      seen = workload_->connected();
      quiet_since_ns = now;
    } else if (now - quiet_since_ns > kConnectQuietNs) {
      return fail("cannot_connect",
                  fmt::format("{} of {} {} are connected, and the server has accepted no more for "
                              "{} s.",
                              workload_->members(), workload_->size(), members_,
                              kConnectQuietNs / kSecondNs));
    }
  }
  turn_until(now_ns() + kSettleNs);
  return {};
}

// One turn that lasts no longer than until `until_ns`.
void Run::turn(std::int64_t until_ns) {
  const std::int64_t now = now_ns();
  pacer().step(now);
  workload_->step(now);
  std::int64_t wake = std::min(until_ns, now + kTickNs);
  if (const std::int64_t step = workload_->next_step_ns(); step >= 0) {
    wake = std::min(wake, std::max(step, now));
  }
  const std::int64_t due = pacer().next_ns();
  if (due >= 0) wake = std::min(wake, due);
  const std::int64_t wait = wake - now;
  const bool exact = wake == due;
  if (polling_) {
    if (loop_->turn(0) == 0) waiting_cpu_ns_ += static_cast<std::uint64_t>(now_ns() - now);
  } else if (exact && wait <= kSpinNs) {
    const std::uint64_t before = own_cpu_ns();
    if (loop_->turn(0) == 0) waiting_cpu_ns_ += own_cpu_ns() - before;
  } else {
    loop_->turn(std::max<std::int64_t>(exact ? wait - kSpinNs : wait, 0));
  }
  if (running_->due(loop_->now_ns())) {
    running_->cut(loop_->now_ns(), seen());
    if (options_.print_intervals && running_ == &timeline_) {
      fmt::print(stderr, "{}\n", to_line(timeline_.intervals().back()));
    }
  }
  if (progress_.due(now)) show_progress();
}

Timeline::Seen Run::seen() {
  return {.published = pacer().answered(),
          .delivered = arrivals_.totals.delivered,
          .latency = arrivals_.latency,
          .publish_latency = pacer().publish_latency(),
          .server_anon_bytes =
              options_.interval_s < kLeastMemoryIntervalS ? 0 : anon_bytes(options_.server_pids)};
}

void Run::turn_until(std::int64_t until_ns) {
  while (now_ns() < until_ns && !interrupted && !hopeless() && pacer().answered() < enough_) {
    turn(until_ns);
  }
}

bool Run::hopeless() const {
  return workload_->failure() != nullptr ||
         (options_.mode != Mode::idle && pacer().failed() == options_.publishers);
}

// Latencies are recorded for those who watch, and to see when they settle, then forgotten.
std::int64_t Run::warm_up(Report& report) {
  const bool by_itself = options_.warmup_auto && options_.mode != Mode::idle;
  const double longest_s = by_itself ? WarmUp::kLongestS : options_.warmup_s;
  const std::int64_t start = now_ns();
  const std::int64_t end = start + to_ns(longest_s);
  enter(RunPhase::warming_up, by_itself ? 0 : longest_s);
  arrivals_.measure_from_ns = start;
  warming_up_.begin(loop_->clock_ns(), seen());
  if (options_.mode != Mode::idle) pacer().start(start);
  workload_->begin_load(start);
  std::int64_t from = end;
  if (by_itself) {
    const WarmUp settling(options_.mode == Mode::closed);
    const auto& intervals = warming_up_.intervals();
    report.warmup_settled = false;
    for (std::size_t judged = 0; now_ns() < end && !interrupted && !hopeless();) {
      turn(end);
      if (intervals.size() == judged) continue;
      judged = intervals.size();
      if (settling.is_over(intervals)) {
        report.warmup_settled = true;
        break;
      }
    }
    from = now_ns();
  } else {
    turn_until(end);
  }
  warming_up_.end(loop_->clock_ns(), seen());
  report.warmup_s = static_cast<double>(from - start) / 1e9;
  return from;
}

Result<void> Run::load(Report& report) {
  polling_ = options_.poll;
  const std::int64_t from = warm_up(report);
  const std::int64_t until = from + to_ns(options_.time_s);
  arrivals_.measure_from_ns = from;
  arrivals_.measure_until_ns = until;
  enter(RunPhase::measuring, options_.time_s);
  workload_->begin_measuring(from);
  const Sample first = sample();
  timeline_.begin(loop_->clock_ns(), seen());
  running_ = &timeline_;
  if (options_.events != 0) enough_ = first.answered + options_.events;
  turn_until(until);
  enough_ = kAny;
  arrivals_.measure_until_ns = std::min(until, now_ns());
  const Sample last = sample();
  timeline_.end(loop_->clock_ns(), seen());
  pacer().stop();
  workload_->end_load(now_ns());
  if (const Error* failure = workload_->failure()) return std::unexpected(*failure);
  if (hopeless()) {
    return fail("publish_failed",
                fmt::format("All {} have failed: {}.",
                            options_.kind == Kind::fan_out ? "publishers" : "connections",
                            pacer().first_error()));
  }
  drain();
  timeline_.add_late(arrivals_.latency);
  fill(report, first, last);
  return {};
}

void Run::drain() {
  enter(RunPhase::draining, 0);
  const std::int64_t end = now_ns() + kDrainMaxNs;
  std::int64_t quiet_ns = 0;  // without the time in which others had our core
  std::uint64_t bytes = arrivals_.bytes;
  while (now_ns() < end) {
    const bool back = !workload_->returning();
    if (back && pacer().outstanding() <= 0 && pacer().all_answered() && pacer().unsent() == 0) {
      break;
    }
    const std::int64_t before = now_ns();
    turn(before + kTickNs);
    quiet_ns += std::min(now_ns() - before, 2 * kTickNs);
    if (arrivals_.bytes != bytes || !back) {
      bytes = arrivals_.bytes;
      quiet_ns = 0;
    } else if (quiet_ns > kDrainQuietNs) {
      break;
    }
  }
}

void Run::enter(RunPhase phase, double total_s) {
  phase_ = phase;
  phase_from_ns_ = now_ns();
  phase_s_ = total_s;
}

void Run::show_progress() {
  const std::int64_t now = now_ns();
  const SequenceTotals& totals = arrivals_.totals;
  LiveState state;
  state.phase = phase_;
  state.members = members_;
  state.connected = workload_->members();
  state.wanted = workload_->size();
  state.elapsed_s = static_cast<double>(now - phase_from_ns_) / 1e9;
  state.total_s = phase_s_;
  state.outstanding = pacer().outstanding();
  state.idle = options_.mode == Mode::idle;
  state.with_events = options_.kind == Kind::fan_out;
  if (!state.with_events) state.deliveries = options_.kind == Kind::mcp ? "calls" : "round trips";
  if (phase_ == RunPhase::warming_up || phase_ == RunPhase::measuring) {
    const LatencySummary latest = running_->latest(loop_->now_ns(), seen());
    if (latest.count != 0) {
      state.latency = {.p50_us = latest.p50_us, .p99_us = latest.p99_us, .max_us = latest.max_us};
    }
  }
  state.lost = totals.missing;
  state.duplicates = totals.duplicates;
  state.out_of_order = totals.out_of_order;
  state.failures = workload_->failures();
  progress_.show(std::move(state), {.at_ns = now,
                                    .delivered = totals.delivered,
                                    .published = pacer().answered(),
                                    .client_cpu_ns = own_cpu_ns() - waiting_cpu_ns_});
}

Run::Sample Run::sample() const {
  CpuTime own = own_cpu_time();
  own.ran_ns -= waiting_cpu_ns_;
  return {.at_ns = now_ns(),
          .answered = pacer().answered(),
          .delivered = arrivals_.totals.delivered,
          .receives = arrivals_.receives,
          .server = cpu_time(options_.server_pids),
          .own = own,
          .drops = backlog_drops(),
          .ticks = cpu_ticks(),
          .activity = Activity::now(options_.server_pids)};
}

void Run::fill(Report& report, const Sample& from, const Sample& to) const {
  report.seconds = static_cast<double>(to.at_ns - from.at_ns) / 1e9;
  report.published = to.answered - from.answered;
  report.delivered = to.delivered - from.delivered;
  report.receives = to.receives - from.receives;
  report.server_known = !options_.server_pids.empty();
  report.server_cpu_s = seconds(from.server.ran_ns, to.server.ran_ns);
  report.server_waited_s = seconds(from.server.waited_ns, to.server.waited_ns);
  report.client_cpu_s = seconds(from.own.ran_ns, to.own.ran_ns);
  report.client_waited_s = seconds(from.own.waited_ns, to.own.waited_ns);
  report.netdev_dropped = to.drops - from.drops;
  report.server_activity = to.activity.since(from.activity);
  const std::uint64_t ticks = to.ticks.total - from.ticks.total;
  if (ticks != 0) {
    report.steal_share =
        static_cast<double>(to.ticks.steal - from.ticks.steal) / static_cast<double>(ticks);
  }

  workload_->fill(report);
  report.total_published = pacer().answered();
  report.total_delivered = arrivals_.totals.delivered;
  report.duplicates = arrivals_.totals.duplicates;
  report.out_of_order = arrivals_.totals.out_of_order;
  report.gaps = arrivals_.gaps;
  report.refused = pacer().refused();
  report.unsent = pacer().unsent();
  report.publishers_failed = static_cast<std::uint32_t>(pacer().failed());
  report.latency = summarise(timeline_.latency());
  report.publish_latency = summarise(timeline_.publish_latency());
  report.curve = percentile_curve(timeline_.latency());
  report.publish_curve = percentile_curve(timeline_.publish_latency());
  report.intervals = timeline_.intervals();
  if (options_.mode != Mode::idle) {
    report.steadiness = steadiness_of(report.intervals, options_.interval_s);
  }

  const Memory now = memory(options_.server_pids);
  report.server_rss_bytes = now.rss_bytes;
  report.server_anon_bytes = now.anon_bytes;
  if (workload_->members() != 0) {
    report.bytes_per_subscriber = (static_cast<double>(memory_connected_.anon_bytes) -
                                   static_cast<double>(memory_before_.anon_bytes)) /
                                  static_cast<double>(workload_->members());
  }
}

void Run::warn(Report& report) const {
  if (interrupted) {
    report.warn("interrupted; the figures are of what was measured until then");
  }
  workload_->warn(report);
  if (!report.warmup_settled) {
    report.warn("--warmup auto: the load had not settled after {:.0f} s", report.warmup_s);
  }
  if (const std::string moved = describe(report.steadiness); !moved.empty()) {
    report.warn("{}", moved);
  }
  if (report.client_bound()) {
    report.warn("the client is the bottleneck ({:.0f} % of its core): the server can do more",
                100 * report.client_share());
  }
  if (pacer().late_by_us() * 100 > pacer().published()) {
    report.warn(
        "{} of {} events were sent more than 1 ms late because the client did not get to it",
        pacer().late_by_us(), pacer().published());
  }
  if (pacer().late_by_answers() * 100 > pacer().published()) {
    report.warn(
        "{} of {} events were sent more than 1 ms late because their {} still waited for an "
        "answer (their latency counts from the intended time); more {} separate the two",
        pacer().late_by_answers(), pacer().published(),
        options_.kind == Kind::fan_out ? "publisher" : "connection",
        options_.kind == Kind::fan_out ? "--publishers or --pipeline" : "--connections");
  }
  if (report.netdev_dropped != 0) {
    report.warn(
        "the kernel dropped {} packets before the sockets (netdev backlog): latencies include "
        "TCP's "
        "retransmissions; --raise-backlog helps",
        report.netdev_dropped);
  }
  const int backlog = Backlog::limit();
  const std::int64_t wanted = std::int64_t{2} * options_.subscribers;
  if (backlog >= 0 && backlog < wanted && options_.mode != Mode::idle) {
    report.warn("net.core.netdev_max_backlog is {}, below two packets per subscriber ({})", backlog,
                wanted);
  }
  if (pacer().unsent() != 0) {
    report.warn(
        "{} events that were due were never sent: the publishers cannot keep up, and the latencies "
        "lack what these would have added",
        pacer().unsent());
  }
  const double disturbed_s = std::max(report.client_waited_s, report.server_waited_s);
  if (disturbed_s > 0.05 * report.seconds) {
    report.warn(
        "other processes had the cores while the client ({:.0f} % of the time) or the server "
        "({:.0f} %) were ready to run: the figures are of a busy machine",
        100 * report.client_waited_s / report.seconds,
        100 * report.server_waited_s / report.seconds);
  }
  if (report.steal_share > 0.01) {
    report.warn("{:.1f} % of the machine's time was taken by its host", 100 * report.steal_share);
  }
}

}  // namespace ringcast::load
