// How time passes in a scenario: turns of the cores, steps of the actors, and the clock.
#include <fmt/format.h>

#include <algorithm>

#include "tests/core/sim/scenario.h"

namespace ringcast::sim {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr unsigned kIdleRounds = 3;  // a message may go to a core that had its turn already

}  // namespace

bool Scenario::run_until(std::int64_t limit_ns, const std::function<bool()>& done) {
  while (world_.now_ns < limit_ns && !failed()) {
    actors();
    const bool busy = round();
    if (!truth_.roomy) watch_topics();
    if (!settled_) disturb();
    if (done()) return true;
    pass_time(busy);
  }
  return false;
}

bool Scenario::turn(unsigned core) {
  in_turn_[core] = true;
  const bool busy = servers_[core]->reactor().turn(false);
  in_turn_[core] = false;
  ++turns_;
  return busy;
}

void Scenario::let_another_run() {
  const auto core = static_cast<unsigned>(world_.random.below(cores_));
  // Set up and pulled down outside of turns.
  const bool running = std::ranges::find(in_turn_, true) != in_turn_.end();
  if (running && !in_turn_[core] && stalled_until_[core] <= world_.now_ns) turn(core);
}

bool Scenario::round() {
  bool busy = false;
  const auto first = static_cast<unsigned>(world_.random.below(cores_));
  for (unsigned n = 0; n < cores_; ++n) {
    const unsigned core = (first + n) % cores_;
    if (stalled_until_[core] > world_.now_ns) continue;
    if (!settled_ && world_.random.percent(20)) {
      busy = true;  // its turn comes later
      continue;
    }
    busy |= turn(core);
  }
  return busy;
}

void Scenario::actors() {
  for (auto& publisher : publishers_) {
    const std::int64_t at = publisher->next_at_ns();
    if (at >= 0 && at <= world_.now_ns && !publisher->finished()) publisher->step();
  }
  for (auto& client : clients_) {
    const std::int64_t at = client->next_at_ns();
    if (at >= 0 && at <= world_.now_ns) client->step();
  }
}

std::int64_t Scenario::next_event_ns() const {
  std::int64_t next = world_.now_ns + 50 * kMs;
  const auto consider = [&](std::int64_t at_ns) {
    if (at_ns >= 0) next = std::min(next, at_ns);
  };
  for (unsigned core = 0; core < cores_; ++core) {
    if (stalled_until_[core] > world_.now_ns) {
      consider(stalled_until_[core]);
      continue;
    }
    consider(servers_[core]->reactor().timers().next_deadline_ns());
    consider(servers_[core]->driver().next_event_ns());
  }
  for (const auto& publisher : publishers_) {
    if (!publisher->finished()) consider(publisher->next_at_ns());
  }
  for (const auto& client : clients_) consider(client->next_at_ns());
  return next;
}

void Scenario::pass_time(bool busy) {
  idle_rounds_ = busy ? 0 : idle_rounds_ + 1;
  if (idle_rounds_ < kIdleRounds) {
    world_.now_ns += world_.random.skewed(0, 20'000);
    return;
  }
  world_.now_ns = std::max(world_.now_ns + 1, next_event_ns());
}

void Scenario::disturb() {
  Random& random = world_.random;
  if (!random.one_in(300)) return;
  switch (random.below(6)) {
    case 0:
      world_.now_ns += random.skewed(kMs, 400 * kMs);  // the machine stood still
      break;
    case 1:
      world_.wall_ms -= random.skewed(1, 50);  // somebody set the clock
      break;
    case 2:
      world_.wall_ms += random.skewed(1, 50);
      break;
    case 3:
      reconfigure();
      break;
    default:
      stalled_until_[random.below(cores_)] = world_.now_ns + random.skewed(100'000, 300 * kMs);
      break;
  }
  world_.note("disturbed");
}

void Scenario::reconfigure() {
  hub_options_.sends_per_round = static_cast<std::uint32_t>(world_.random.skewed(1, 64));
  hub_options_.merge_bytes = static_cast<std::uint32_t>(world_.random.skewed(1, 8'000));
  for (auto& server : servers_) {
    run_on(server->reactor(),
           [this, &server] { server->shard().configure(hub_options_, table_options_); });
  }
}

void Scenario::watch_topics() {
  for (std::size_t n = 0; n < newsroom_.topics.size(); ++n) {
    const std::string& name = newsroom_.topics[n];
    TopicTable& home = *servers_[fabric_->home_of(name)]->shard().topics();
    if (home.find(name) != nullptr) continue;
    auto& events = truth_.topics[name];
    if (events.size() == gone_events_[n]) continue;
    const std::uint64_t moment = truth_.moment();
    for (auto& [number, event] : events) {
      if (event.gone == 0) event.gone = moment;
    }
    gone_events_[n] = events.size();
  }
}

}  // namespace ringcast::sim
