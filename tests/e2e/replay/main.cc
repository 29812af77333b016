// replay_check: publishes to a running server while subscribers drop their connections at random
// points and resume, and checks that each saw what it had to see. One line of JSON tells the
// result; the seed repeats the same kills.
#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/e2e/replay/publisher.h"
#include "tests/e2e/replay/subscriber.h"

namespace ringcast {
namespace {

struct Settings {
  Plan plan;
  int port = 8080;
  std::uint32_t subscribers = 24;
  std::uint32_t slow = 0;  // the last so many of them
  double events_per_s = 0;
  std::int64_t spread_ms = 0;  // the first connections come within this time
  std::int64_t pause_ms = 50;
  std::int64_t timeout_s = 80;
  bool no_kills = false;
};

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class Run {
 public:
  explicit Run(const Settings& settings) : settings_(settings), ledger_(settings.plan) {}

  int run();

 private:
  void start();
  bool turn();
  void judge();
  void print();

  const Settings& settings_;
  Ledger ledger_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::vector<pollfd> polled_;
  std::vector<Subscriber*> polled_subscribers_;
  std::int64_t begin_ms_ = 0;
  std::int64_t published_ms_ = 0;
  std::vector<std::string> errors_;
};

void Run::start() {
  begin_ms_ = now_ms();
  for (std::uint32_t index = 0; index < settings_.subscribers; ++index) {
    const Subscriber::Behaviour behaviour{
        .port = settings_.port,
        .kills = !settings_.no_kills,
        .slow = index + settings_.slow >= settings_.subscribers,
        .starts_after_ms = begin_ms_ + settings_.spread_ms * index / settings_.subscribers,
        .longest_pause_ms = settings_.pause_ms};
    subscribers_.push_back(std::make_unique<Subscriber>(settings_.plan, ledger_, index, behaviour));
  }
  const Publisher::Pace pace{.port = settings_.port,
                             .events_per_s = settings_.events_per_s / settings_.plan.publishers};
  for (std::uint32_t index = 0; index < settings_.plan.publishers; ++index) {
    publishers_.push_back(std::make_unique<Publisher>(settings_.plan, pace, index, ledger_));
  }
}

// Everybody who can go on does; false when all are done.
bool Run::turn() {
  polled_.clear();
  polled_subscribers_.clear();
  std::int64_t now = now_ms();
  std::int64_t wait_ms = 50;
  bool all_done = true;
  for (const auto& subscriber : subscribers_) {
    if (subscriber->done()) continue;
    all_done = false;
    if (subscriber->wakes_at_ms() > now) {
      wait_ms = std::min(wait_ms, subscriber->wakes_at_ms() - now);
    } else if (subscriber->fd() < 0) {
      subscriber->run(now);
      wait_ms = 0;
    } else {
      polled_.push_back({.fd = subscriber->fd(), .events = POLLIN, .revents = 0});
      polled_subscribers_.push_back(subscriber.get());
    }
  }
  if (all_done) return false;
  ::poll(polled_.data(), polled_.size(), static_cast<int>(wait_ms));
  now = now_ms();
  for (Subscriber* subscriber : polled_subscribers_) subscriber->run(now);
  return std::ranges::all_of(subscribers_, [](const auto& each) { return each->error().empty(); });
}

int Run::run() {
  start();
  std::atomic<bool> stop{false};
  std::atomic<std::uint32_t> publishing{settings_.plan.publishers};
  std::vector<std::thread> threads;
  for (const auto& publisher : publishers_) {
    threads.emplace_back([&, each = publisher.get()] {
      each->run(stop);
      if (--publishing == 0) published_ms_ = now_ms() - begin_ms_;
    });
  }
  while (turn()) {
    if (now_ms() - begin_ms_ > settings_.timeout_s * 1000) {
      errors_.emplace_back("out of time");
      break;
    }
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  judge();
  print();
  return errors_.empty() ? 0 : 1;
}

void Run::judge() {
  for (const auto& publisher : publishers_) {
    if (!publisher->error().empty()) errors_.push_back(publisher->error());
  }
  for (const auto& subscriber : subscribers_) {
    subscriber->checker().finish();
    if (!subscriber->error().empty()) {
      errors_.push_back(subscriber->name() + ": " + subscriber->error());
    } else if (!subscriber->done()) {
      errors_.push_back(subscriber->name() + " is not done:" + subscriber->checker().where());
    }
  }
}

void Run::print() {
  Subscriber::Counts sum;
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
  std::uint64_t missed = 0;
  for (const auto& subscriber : subscribers_) {
    const Subscriber::Counts& counts = subscriber->counts();
    sum.connections += counts.connections;
    sum.kills += counts.kills;
    sum.kills_inside_block += counts.kills_inside_block;
    sum.bytes += counts.bytes;
    events += subscriber->checker().events();
    gaps += subscriber->checker().gaps();
    missed += subscriber->checker().missed();
  }
  for (const std::string& error : errors_) fmt::print(stderr, "replay_check: {}\n", error);
  fmt::print(
      "{{\"seed\":{},\"published\":{},\"published_ms\":{},\"ms\":{},\"seen\":{},\"bytes\":{},"
      "\"connections\":{},\"kills\":{},\"kills_inside_block\":{},\"gaps\":{},\"missed\":{},"
      "\"epochs\":{},\"errors\":{}}}\n",
      settings_.plan.seed, settings_.plan.events, published_ms_, now_ms() - begin_ms_, events,
      sum.bytes, sum.connections, sum.kills, sum.kills_inside_block, gaps, missed, ledger_.epochs(),
      errors_.size());
}

int run_program(int argc, char** argv) {
  Settings settings;
  Plan& plan = settings.plan;
  CLI::App app("Publishes while subscribers are killed and resume; checks what they see.");
  const std::map<std::string, Loss> losses = {
      {"none", Loss::none}, {"evicted", Loss::evicted}, {"restarts", Loss::restarts}};
  app.add_option("--port", settings.port, "Of the server, on 127.0.0.1.")->required();
  app.add_option("--seed", plan.seed, "Of all that is random.");
  app.add_option("--loss", plan.loss, "What may be missed: none, evicted or restarts.")
      ->transform(CLI::CheckedTransformer(losses));
  app.add_option("--events", plan.events, "To publish in all.");
  app.add_option("--topics", plan.topics, "Topics.")->check(CLI::Range(6, 64));
  app.add_option("--publishers", plan.publishers, "Publishing connections.");
  app.add_option("--rate", settings.events_per_s, "Events per second in all; 0: no limit.");
  app.add_option("--subscribers", settings.subscribers, "Subscribers, of six kinds in turn.");
  app.add_option("--slow", settings.slow, "How many of them read slowly.");
  app.add_option("--spread-ms", settings.spread_ms, "Time within which they come.");
  app.add_option("--pause-ms", settings.pause_ms, "Longest pause between two connections.")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--timeout", settings.timeout_s, "Seconds.");
  app.add_flag("--no-kills", settings.no_kills, "Connections are kept.");
  CLI11_PARSE(app, argc, argv);
  return Run(settings).run();
}

}  // namespace
}  // namespace ringcast

int main(int argc, char** argv) { return ringcast::run_program(argc, argv); }
