#include "tests/core/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace ringcast::sim {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr unsigned kMostCores = 3;

}  // namespace

Scenario::Scenario(std::uint64_t seed, unsigned cores, bool verbose) : world_(seed, verbose) {
  cores_ = 1 + static_cast<unsigned>(world_.random.below(kMostCores));
  if (cores != 0) cores_ = cores;
  choose_kernel();
  choose_rules();
  choose_options();
  open_servers();
  open_clients();
  open_publishers();
}

void Scenario::choose_kernel() {
  Random& random = world_.random;
  KernelMood& mood = world_.mood;
  mood.late_percent = static_cast<unsigned>(random.below(60));
  mood.late_ns = random.skewed(10'000, 20 * kMs);
  mood.short_percent = static_cast<unsigned>(random.below(60));
  mood.race_percent = static_cast<unsigned>(random.below(100));
  mood.reap = static_cast<std::uint64_t>(random.skewed(2, 64));
  mood.meanwhile_percent = static_cast<unsigned>(random.skewed(0, 40));
  mood.queue = static_cast<std::uint64_t>(random.skewed(1, 64));
}

void Scenario::choose_rules() {
  Random& random = world_.random;
  static constexpr const char* kNames[] = {"a.1", "a.2", "b.1", "b.2", "c/x", "long-name:d@1"};
  const std::uint64_t count = 1 + random.below(std::size(kNames));
  for (std::uint64_t n = 0; n < count; ++n) newsroom_.topics.emplace_back(kNames[n]);
  gone_events_.resize(count);
  newsroom_.types = {"", "tick", "note"};
  newsroom_.longest = static_cast<std::size_t>(random.skewed(5, 3'000));
  newsroom_.key_percent = static_cast<unsigned>(random.skewed(0, 60));
  newsroom_.batch_percent = static_cast<unsigned>(random.below(50));

  auto rules = std::make_shared<TopicRulesTable>();
  truth_.roomy = random.percent(30);
  const auto choose = [&](TopicRules& of) {
    of.bytes = static_cast<std::uint64_t>(random.skewed(200, 20'000));
    of.events = static_cast<std::uint64_t>(random.skewed(1, 200));
    of.age_ms = random.percent(40) ? random.skewed(50, 2'000) : 0;
    of.on_lag = random.percent(20) ? LagPolicy::close : LagPolicy::gap;
    closes_lagging_ |= of.on_lag == LagPolicy::close;
  };
  if (truth_.roomy) {
    rules->defaults.bytes = 64 << 20;
    rules->defaults.events = 1'000'000;
    if (random.percent(50)) rules->defaults.age_ms = 0;
  } else {
    choose(rules->defaults);
    if (random.percent(50)) choose(rules->by_pattern.emplace_back("a.*", TopicRules{}).second);
    if (random.percent(20)) table_options_.memory_bytes = 4'000 + random.below(40'000);
    if (random.percent(10)) table_options_.max_topics = 1 + random.below(count + 1);
  }
  table_options_.rules = rules;
}

void Scenario::choose_options() {
  Random& random = world_.random;
  const auto skewed = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::uint32_t>(random.skewed(low, high));
  };
  hub_options_.sends_per_round = skewed(1, 64);
  hub_options_.merge_bytes = skewed(1, 8'000);
  hub_options_.heartbeat_ms = random.percent(50) ? 0 : skewed(50, 1'000);
  hub_options_.send_timeout_ms = skewed(300, 3'000);
  hub_options_.ending_timeout_ms = skewed(50, 500);
  hub_options_.drain_retry_min_ms = skewed(0, 500);
  hub_options_.drain_retry_max_ms = skewed(0, 2'000);
  hub_options_.view_linger_ms = skewed(0, 300);
}

void Scenario::open_servers() {
  Random& random = world_.random;
  const unsigned homes = 1 + static_cast<unsigned>(random.below(cores_));
  const std::string epoch = EventIds::epoch_at(world_.wall_ms);
  fabric_ = std::make_unique<Fabric>(EventIds(epoch, homes), cores_);
  std::vector<Reactor*> reactors;
  for (unsigned core = 0; core < cores_; ++core) {
    servers_.push_back(std::make_unique<Server>(
        world_, core, static_cast<std::uint16_t>(1 + random.below(4)), 1 + random.below(16)));
    reactors.push_back(&servers_.back()->reactor());
    stalled_until_.push_back(0);
    in_turn_.push_back(false);
  }
  Reactor::connect(reactors);
  if (cores_ > 1) world_.others = [this] { let_another_run(); };
  for (auto& server : servers_) {
    server->start(*fabric_, admission_, hub_options_, table_options_, [this](int client) {
      return clients_[static_cast<std::size_t>(client)]->subscription();
    });
  }
}

Wish Scenario::choose_wish() {
  Random& random = world_.random;
  Wish wish;
  const std::uint64_t form = random.below(10);
  const std::vector<std::string>& topics = newsroom_.topics;
  if (form >= 8) {
    static constexpr const char* kPatterns[] = {"*", "a.*", "*.1", "b*", "*o*e*"};
    wish.patterns.emplace_back(kPatterns[random.below(std::size(kPatterns))]);
    if (random.percent(30)) wish.patterns.emplace_back("a.*");
    if (random.percent(30)) wish.topics.push_back(topics[random.below(topics.size())]);
  } else if (form >= 5) {
    for (const std::string& topic : topics) {
      if (random.percent(60)) wish.topics.push_back(topic);
    }
  }
  if (wish.topics.empty() && wish.patterns.empty()) {
    wish.topics.push_back(topics[random.below(topics.size())]);
  }
  if (random.percent(25)) wish.types.emplace_back("tick");
  if (random.percent(10)) wish.types.emplace_back("message");
  return wish;
}

void Scenario::open_clients() {
  Random& random = world_.random;
  const auto count = random.skewed(1, 24);
  for (int number = 0; number < count; ++number) {
    Habits habits;
    habits.reads = !random.percent(8);
    habits.from_earliest = random.percent(40);
    habits.pause_ns = random.skewed(1'000, 60 * kMs);
    habits.bite = static_cast<std::size_t>(random.skewed(1, 5'000));
    habits.capacity = static_cast<std::size_t>(random.skewed(1, 10'000));
    habits.patience = random.percent(60) ? static_cast<unsigned>(random.skewed(10, 6'000)) : 0;
    habits.bad_id_percent = random.percent(20) ? 30 : 0;
    habits.wants_position = random.percent(50);
    habits.stubborn = random.percent(10);
    clients_.push_back(std::make_unique<Client>(
        world_, truth_, fabric_->ids, number, choose_wish(), habits,
        [this](std::shared_ptr<Connection> connection) {
          servers_[world_.random.below(cores_)]->driver().arrive(std::move(connection));
        }));
  }
}

void Scenario::open_publishers() {
  const auto count = world_.random.between(1, 4);
  for (int n = 0; n < count; ++n) {
    publishers_.push_back(
        std::make_unique<Publisher>(world_, truth_, newsroom_, servers_,
                                    static_cast<std::uint64_t>(world_.random.skewed(1, 120)),
                                    world_.random.skewed(1'000, 60 * kMs)));
  }
}

Outcome Scenario::run() {
  busy_phase();
  if (!failed()) settle_phase();
  if (!failed()) drain_phase();
  close_phase();
  finish();
  if (failed()) {
    // Something may still be under way: it must not be pulled down before the failure is told.
    for (auto& server : servers_) std::ignore = server.release();
  }
  Outcome outcome;
  outcome.failure = world_.trace.failure();
  outcome.hash = world_.trace.hash();
  outcome.turns = turns_;
  for (const auto& [name, events] : truth_.topics) outcome.published += events.size();
  for (const auto& client : clients_) {
    outcome.delivered += client->witness().events();
    outcome.gaps += client->witness().gaps();
  }
  return outcome;
}

void Scenario::busy_phase() {
  world_.trace.text(world_.now_ns, "-- busy");
  const std::int64_t until = world_.now_ns + world_.random.skewed(100 * kMs, 1'500 * kMs);
  run_until(until, [] { return false; });
}

void Scenario::settle_phase() {
  world_.trace.text(world_.now_ns, "-- settle");
  settled_ = true;
  std::ranges::fill(stalled_until_, 0);
  for (auto& client : clients_) client->calm();
  for (auto& publisher : publishers_) publisher->hurry(0);
  const auto published = [this] {
    return std::ranges::all_of(publishers_, [](const auto& each) { return each->finished(); });
  };
  if (!run_until(world_.now_ns + 2'000 * kMs, published)) {
    world_.trace.fail("a publish was never answered");
    return;
  }
  std::string missing;
  for (int tries = 0; tries < 100; ++tries) {
    run_until(world_.now_ns + 200 * kMs, [] { return false; });
    missing = owed();
    if (missing.empty() || failed()) return;
  }
  world_.trace.fail("after all was quiet, " + missing);
}

std::string Scenario::owed() const {
  for (const auto& client : clients_) {
    if (!client->reads() || client->refused()) continue;
    if (!client->connected()) return client->name() + " is not subscribed";
    const std::string problem = client->witness().verify(truth_, true);
    if (!problem.empty()) return client->name() + ": " + problem;
  }
  return {};
}

void Scenario::on_every_core(void (*work)(Server&)) {
  for (auto& server : servers_) {
    run_on(server->reactor(), [&server, work] { work(*server); });
  }
}

void Scenario::drain_phase() {
  world_.trace.text(world_.now_ns, "-- drain");
  for (auto& client : clients_) client->stop_dialing();
  for (auto& publisher : publishers_) publisher->hurry(world_.random.below(6));
  const auto published = [this] {
    return std::ranges::all_of(publishers_, [](const auto& each) { return each->finished(); });
  };
  if (!run_until(world_.now_ns + 2'000 * kMs, published)) {
    world_.trace.fail("a publish was never answered");
    return;
  }
  // Notices of the last events reach the other cores with the next turns; only then is everything
  // published "before" on every core.
  for (int n = 0; n < 3; ++n) round();
  on_every_core([](Server& server) { server.shard().hub().drain(); });
  const auto gone = [this] {
    return std::ranges::all_of(
        servers_, [](const auto& server) { return server->shard().hub().subscribers() == 0; });
  };
  run_until(world_.now_ns + 6'000 * kMs, gone);
  for (const auto& client : clients_) {
    if (!client->reads() || client->refused() || failed()) continue;
    if (!client->farewell()) {
      if (closes_lagging_) continue;  // the last burst may have been too much for it
      world_.trace.fail(client->name() + " got no farewell");
      return;
    }
    const std::string problem = client->witness().verify(truth_, true);
    if (!problem.empty()) world_.trace.fail("drained " + client->name() + ": " + problem);
  }
}

void Scenario::close_phase() {
  world_.trace.text(world_.now_ns, "-- close");
  for (auto& client : clients_) client->stop_dialing();
  for (auto& publisher : publishers_) publisher->hurry(0);
  on_every_core([](Server& server) {
    server.cancel();
    server.shard().hub().close_all(CloseReason::client);
  });
  const auto over = [this] {
    return std::ranges::all_of(servers_, [](const auto& server) {
      return server->shard().hub().subscribers() == 0 && server->reactor().spawned() == 0 &&
             server->driver().in_flight() == 0;
    });
  };
  if (!run_until(world_.now_ns + 5'000 * kMs, over))
    world_.trace.fail("it does not come to an end");
  for (auto& client : clients_) client->leave();
  // What the last ones leave behind for other cores arrives.
  for (int n = 0; n < 8; ++n) {
    round();
    ++world_.now_ns;
  }
}

void Scenario::finish() {
  for (const auto& client : clients_) {
    const std::string problem = client->witness().verify(truth_, false);
    if (!problem.empty()) world_.trace.fail(client->name() + ": " + problem);
  }
  if (failed()) return;
  for (unsigned core = 0; core < cores_; ++core) {
    Server& server = *servers_[core];
    const auto none = [&](std::size_t left, const char* what) {
      if (left != 0) world_.trace.fail(fmt::format("core {}: {} {} left", core, left, what));
    };
    none(server.driver().open_descriptors(), "descriptors");
    none(server.reactor().direct_descriptors(), "counted descriptors");
    none(server.driver().counters().buffers_out, "buffers");
    none(server.shard().hub().subscribers(), "subscribers");
    none(server.reactor().spawned(), "coroutines");
    none(server.driver().in_flight(), "operations");
  }
  if (admission_.open() != 0) {
    world_.trace.fail(fmt::format("{} connections are still counted", admission_.open()));
  }
}

}  // namespace ringcast::sim
