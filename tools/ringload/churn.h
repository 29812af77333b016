// Subscribers that leave and are replaced while the load goes on: so many a second, evenly spread
// in time, each in turn.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/ringload/schedule.h"

namespace ringcast::load {

class Churn {
 public:
  Churn(double per_s, std::size_t members) : per_s_(per_s), members_(members) {}

  void begin(std::int64_t now_ns) {
    start_ns_ = now_ns;
    running_ = members_ != 0;
  }
  void end() { running_ = false; }

  // Calls replace(index), which says whether that one could leave, for those that are due. Where
  // none can, what is due remains so.
  template <class Replace>
  void step(std::int64_t now_ns, Replace&& replace) {
    for (stuck_ = false; running_ && !stuck_ && due_ns() <= now_ns;) {
      std::size_t tried = 0;
      while (tried < members_ && !replace(take_turn())) ++tried;
      stuck_ = tried == members_;
      if (!stuck_) ++begun_;
    }
  }

  // When step() has something to do next; -1: nothing by the clock.
  std::int64_t next_ns() const { return running_ && !stuck_ ? due_ns() : -1; }
  std::uint64_t begun() const { return begun_; }
  // How many should have left by then.
  std::uint64_t due(std::int64_t now_ns) const {
    return static_cast<std::uint64_t>(static_cast<double>(now_ns - start_ns_) / 1e9 * per_s_);
  }

 private:
  // The first one is due after an interval, not at the beginning.
  std::int64_t due_ns() const { return start_ns_ + Schedule::intended_ns(begun_ + 1, per_s_); }
  std::size_t take_turn() {
    const std::size_t turn = turn_;
    turn_ = turn_ + 1 == members_ ? 0 : turn_ + 1;
    return turn;
  }

  double per_s_;
  std::size_t members_;
  std::size_t turn_ = 0;
  std::uint64_t begun_ = 0;
  std::int64_t start_ns_ = 0;
  bool running_ = false;
  bool stuck_ = false;
};

}  // namespace ringcast::load
