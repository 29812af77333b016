// One simulated run: everything in it follows from the seed.
//
//   busy: publishers publish, subscribers come, go, stall, reset and come back;
//   settle: publishers are done, every reading subscriber must get everything it is owed;
//   drain: a last burst, then every stream ends with all of it and a farewell;
//   close: what is left is closed, and nothing may stay behind.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/fabric.h"
#include "tests/core/sim/client.h"
#include "tests/core/sim/publisher.h"
#include "tests/core/sim/server.h"
#include "tests/core/sim/truth.h"
#include "tests/core/sim/world.h"

namespace ringcast::sim {

struct Outcome {
  std::string failure;  // empty: all was as it must be
  std::uint64_t hash = 0;
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  std::uint64_t gaps = 0;
  std::uint64_t turns = 0;
};

class Scenario {
 public:
  Scenario(std::uint64_t seed, unsigned cores, bool verbose);  // cores 0: as the seed has it
  Outcome run();

 private:
  void choose_kernel();
  void choose_rules();
  void choose_options();
  void open_servers();
  void open_clients();
  void open_publishers();
  Wish choose_wish();

  void busy_phase();
  void settle_phase();
  void drain_phase();
  void close_phase();
  void finish();

  bool failed() const { return !world_.trace.failure().empty(); }
  bool turn(unsigned core);
  void let_another_run();
  bool round();  // every core that is not stalled gets a turn; false if nothing happened
  void actors();
  void pass_time(bool busy);
  void watch_topics();
  void disturb();
  void reconfigure();
  std::int64_t next_event_ns() const;
  // True as soon as `done` is; false if the time is over before.
  bool run_until(std::int64_t limit_ns, const std::function<bool()>& done);
  std::string owed() const;  // who has not got everything, and what
  void on_every_core(void (*work)(Server&));

  World world_;
  Truth truth_;
  Newsroom newsroom_;
  HubOptions hub_options_;
  TopicTableOptions table_options_;
  unsigned cores_;
  bool settled_ = false;
  bool closes_lagging_ = false;
  unsigned idle_rounds_ = 0;
  std::uint64_t turns_ = 0;
  std::unique_ptr<Fabric> fabric_;
  Admission admission_{1'000};
  std::vector<std::unique_ptr<Server>> servers_;
  std::vector<std::int64_t> stalled_until_;
  std::vector<bool> in_turn_;
  std::vector<std::size_t> gone_events_;  // by topic: how many went with it
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
};

// Says where a run of this seed is when the program ends by itself (an invariant, a sanitizer).
void announce_seed(std::uint64_t seed, unsigned cores);

}  // namespace ringcast::sim
