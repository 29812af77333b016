// A simulated subscriber: connects, asks, reads in its own time, breaks off at any byte and comes
// back with the last id it has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/hub.h"
#include "tests/core/sim/block_reader.h"
#include "tests/core/sim/truth.h"
#include "tests/core/sim/witness.h"
#include "tests/core/sim/world.h"

namespace ringcast::sim {

// The comment that opens every stream.
inline constexpr std::string_view kGreeting = ": welcome\n\n";
inline constexpr std::string_view kRefusal = ": refused\n\n";

struct Habits {
  bool reads = true;
  bool from_earliest = false;
  std::int64_t pause_ns = 1'000'000;  // at most, between two reads
  std::size_t bite = 4096;            // most bytes of one read
  std::size_t capacity = 4096;        // of its socket
  unsigned patience = 0;              // mean bytes of a connection before it breaks off; 0: endless
  unsigned bad_id_percent = 0;
  bool wants_position = false;  // an id before the first event
  bool stubborn = false;        // does not end its side when the server has
};

class Client {
 public:
  // `dial` hands a new connection to some core's listener.
  using Dial = std::function<void(std::shared_ptr<Connection>)>;

  Client(World& world, Truth& truth, const EventIds& ids, int number, Wish wish, Habits habits,
         Dial dial);

  std::int64_t next_at_ns() const;  // negative: when something comes in
  void step();

  // What the server is asked for on the current connection.
  Subscription subscription() const;

  void calm();  // from now on reads at once and stays
  void stop_dialing() { dialing_ = false; }
  void leave();  // breaks the connection off for good

  bool reads() const { return habits_.reads; }
  bool connected() const { return connection_ != nullptr && established_; }
  bool offline() const { return connection_ == nullptr; }
  bool refused() const { return refused_; }
  bool farewell() const { return farewell_; }
  const Witness& witness() const { return witness_; }
  std::string name() const;

 private:
  void dial();
  void choose_start();
  void ask();
  void read();
  void take(const Block& block);
  void take_gap(const Block& block);
  void take_event(const Block& block);
  void break_off();
  void ended();
  void wrong(std::string what);

  World& world_;
  Truth& truth_;
  const EventIds& ids_;
  int number_;
  Habits habits_;
  Dial dial_;
  Witness witness_;
  bool dialing_ = true;
  bool calm_ = false;
  std::int64_t next_at_ns_;
  std::shared_ptr<Connection> connection_;
  std::string request_;
  BlockReader reader_;
  std::vector<Block> blocks_;
  Subscription::From from_ = Subscription::From::latest;
  std::string asked_id_;
  std::string last_id_;
  Position position_;       // that this connection is known to be past
  std::uint64_t left_ = 0;  // bytes until it breaks off
  bool half_closed_ = false;
  bool established_ = false;
  bool refused_ = false;
  bool farewell_ = false;
};

}  // namespace ringcast::sim
