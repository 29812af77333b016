// A publisher: one keep-alive connection, one batch (NDJSON) at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/replay/ledger.h"
#include "tests/e2e/replay/plan.h"
#include "tests/e2e/replay/socket.h"

namespace ringcast {

class Publisher {
 public:
  struct Pace {
    int port = 0;
    double events_per_s = 0;  // of this publisher; 0: as fast as it goes
  };
  Publisher(const Plan& plan, const Pace& pace, std::uint32_t index, Ledger& ledger);

  // Publishes its share; to be run in a thread of its own. Ends early when `stop` is set, or when
  // the server does what it may not: then error() tells what.
  void run(const std::atomic<bool>& stop);
  const std::string& error() const { return error_; }

 private:
  void compose(std::uint32_t events);
  bool publish(const std::atomic<bool>& stop);
  bool exchange(std::string& answer);
  bool acknowledge(std::string_view answer);

  const Plan& plan_;
  Pace pace_;
  std::uint32_t index_;
  Ledger& ledger_;
  std::mt19937_64 random_;
  std::vector<std::uint32_t> topics_;
  std::vector<std::uint32_t> next_;  // by topic: the next sequence number
  std::uint32_t left_ = 0;
  std::uint32_t turn_ = 0;
  TcpSocket socket_;
  std::string request_;
  std::vector<EventKey> batch_;
  std::string error_;
};

}  // namespace ringcast
