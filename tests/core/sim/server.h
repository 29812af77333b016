// A simulated core with its driver, reactor and shard, and the smallest server on top: it accepts,
// reads one line that names the client, and subscribes it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/admission.h"
#include "core/reactor.h"
#include "core/scope.h"
#include "core/shard.h"
#include "tests/core/sim/sim_driver.h"

namespace ringcast::sim {

// Runs a function on a reactor, in one of its turns.
void run_on(Reactor& reactor, std::function<void()> work);

class Server {
 public:
  // What the client of this number asks for now.
  using Lookup = std::function<Subscription(int client)>;

  Server(World& world, unsigned core, std::uint16_t buffers, std::size_t buffer_bytes);
  // Once all reactors are connected.
  void start(Fabric& fabric, Admission& admission, const HubOptions& hub,
             const TopicTableOptions& table, Lookup lookup);
  void stop_listening();  // connections stay
  void cancel();

  SimDriver& driver() { return driver_; }
  Reactor& reactor() { return reactor_; }
  Shard& shard() { return *shard_; }

 private:
  static Task<void> listen(Server* self);
  static Task<void> serve(Server* self, Descriptor fd);
  static Task<std::string> read_line(Server* self, Descriptor fd);

  World& world_;
  SimDriver& driver_;
  Reactor reactor_;
  Scope listening_;
  Scope connections_;
  Descriptor listener_;
  Admission* admission_ = nullptr;
  Lookup lookup_;
  std::unique_ptr<Shard> shard_;
};

}  // namespace ringcast::sim
