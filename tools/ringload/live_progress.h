// Shows on a terminal, twice a second, how a run goes. Anywhere else it shows nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "tools/ringload/live_view.h"
#include "tools/ringload/terminal.h"

namespace ringcast::load {

class LiveProgress {
 public:
  // Running totals, from which rates are made.
  struct Totals {
    std::int64_t at_ns = 0;
    std::uint64_t delivered = 0;
    std::uint64_t published = 0;
    std::uint64_t client_cpu_ns = 0;
  };

  explicit LiveProgress(bool wanted);

  bool due(std::int64_t now_ns) const { return wanted_ && now_ns >= next_ns_; }
  // The state with everything but rates and the client's share.
  void show(LiveState state, const Totals& totals);
  void end() { terminal_.clear(); }

 private:
  Terminal terminal_;
  bool wanted_;
  std::int64_t next_ns_ = 0;
  std::optional<Totals> shown_;  // last; the first drawing has no rates
  std::vector<double> rates_;
};

}  // namespace ringcast::load
