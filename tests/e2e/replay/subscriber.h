// A subscriber that drops its connection at random points, and resumes with the last id it has.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "tests/e2e/replay/block_reader.h"
#include "tests/e2e/replay/checker.h"
#include "tests/e2e/replay/socket.h"

namespace ringcast {

class Subscriber {
 public:
  struct Behaviour {
    int port = 0;
    bool kills = true;
    bool slow = false;  // reads little at a time, and pauses
    std::int64_t starts_after_ms = 0;
    std::int64_t longest_pause_ms = 50;  // between two connections
  };
  Subscriber(const Plan& plan, const Ledger& ledger, std::uint32_t index,
             const Behaviour& behaviour);

  // Times are those of a steady clock in ms. What it waits for: its socket, or a time.
  int fd() const { return socket_.fd(); }
  std::int64_t wakes_at_ms() const { return wakes_at_ms_; }
  // Reads what is there, or connects again.
  void run(std::int64_t now_ms);

  bool done() const { return done_; }
  Checker& checker() { return checker_; }
  std::string name() const;

  struct Counts {
    std::uint64_t connections = 0, kills = 0, kills_inside_block = 0, bytes = 0;
  };
  const Counts& counts() const { return counts_; }

 private:
  static Wish wish_of(const Plan& plan, std::uint32_t index);
  void connect(std::int64_t now_ms);
  std::string request();
  void receive(std::int64_t now_ms);
  bool read_head();
  void kill(std::int64_t now_ms);
  void lost(std::int64_t now_ms, const std::string& why);
  std::uint64_t random_budget();

  const Plan& plan_;
  std::uint32_t index_;
  Behaviour behaviour_;
  std::mt19937_64 random_;
  Wish wish_;
  Checker checker_;
  TcpSocket socket_;
  BlockReader reader_;
  Block block_;
  std::string last_id_;
  std::string first_resumed_id_;
  bool head_read_ = false;
  bool done_ = false;
  std::uint64_t budget_ = 0;  // bytes until the connection is dropped
  std::int64_t wakes_at_ms_ = 0;
  std::int64_t leaves_at_ms_ = 0;  // when complete; 0 before
  Counts counts_;
  std::string broken_;

 public:
  const std::string& error() const { return broken_.empty() ? checker_.error() : broken_; }
};

}  // namespace ringcast
