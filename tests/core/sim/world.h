// What all simulated cores and clients share: the clock, chance, the trace, and TCP connections as
// both ends see them.
//
// One thread; the scenario advances the clock.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "tests/core/sim/random.h"
#include "tests/core/sim/trace.h"

namespace ringcast::sim {

// How unkind the simulated kernel is.
struct KernelMood {
  unsigned late_percent = 30;        // operations and completions that take a while
  std::int64_t late_ns = 2'000'000;  // at most this long
  unsigned short_percent = 30;       // sends that are taken in pieces
  unsigned race_percent = 50;        // cancelled operations that end first
  std::uint64_t reap = 64;           // most completions handed over in a turn
  std::uint64_t queue = 64;          // submission entries before a push submits
  unsigned meanwhile_percent = 5;    // calls to the kernel during which another core has a turn
};

struct World {
  World(std::uint64_t seed, bool verbose) : random(seed), trace(verbose) {}

  std::int64_t delay_ns() {
    return random.percent(mood.late_percent) ? random.skewed(1, mood.late_ns) : 0;
  }
  void note(std::string_view what, std::int64_t a = 0, std::int64_t b = 0, std::int64_t c = 0) {
    trace.note(now_ns, what, a, b, c);
  }

  // Another core runs while this one is in the middle of its turn.
  void let_others_run() {
    if (others && random.percent(mood.meanwhile_percent)) others();
  }

  Random random;
  Trace trace;
  KernelMood mood;
  std::int64_t now_ns = 1'000'000'000;
  std::function<void()> others;
  std::int64_t wall_ms = 1'790'000'000'000;  // at now_ns == 0; may move by itself
};

// One TCP connection. The server's end is a descriptor of a SimDriver, the client's end is this.
struct Connection {
  int number = 0;
  std::size_t capacity = 4096;  // of to_client: socket buffers of both ends together
  std::string to_client;        // sent by the server, not yet read by the client
  std::string to_server;
  bool server_ended = false;   // no more bytes will follow
  bool server_closed = false;  // the descriptor is gone
  bool client_ended = false;   // the client's FIN is out
  bool client_gone = false;    // the client does not read any more either
  bool reset = false;
};

}  // namespace ringcast::sim
