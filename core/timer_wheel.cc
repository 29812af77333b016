#include "core/timer_wheel.h"

#include <algorithm>

namespace ringcast {

void TimerWheel::arm(Timer& timer, std::int64_t deadline_ns) {
  timer.unlink();
  timer.deadline_tick = std::max((deadline_ns + kTickNs - 1) / kTickNs, tick_);
  place(timer);
}

void TimerWheel::place(Timer& timer) {
  // One slot of the top level stays free, so that a slot never means two moments.
  constexpr std::int64_t kHorizon = (kSlots - 1) << (kBits * (kLevels - 1));
  const std::int64_t at = std::min(timer.deadline_tick, tick_ + kHorizon);
  int level = 0;
  // The level is the highest one on which the deadline differs from now.
  while (level < kLevels - 1 && (at >> (kBits * (level + 1))) != (tick_ >> (kBits * (level + 1)))) {
    ++level;
  }
  slots_[level][(at >> (kBits * level)) & (kSlots - 1)].push_back(timer);
}

void TimerWheel::cascade() {
  for (int level = 1; level < kLevels; ++level) {
    if ((tick_ & ((std::int64_t{1} << (kBits * level)) - 1)) != 0) return;
    List<Timer> moved;
    moved.splice_back(slots_[level][(tick_ >> (kBits * level)) & (kSlots - 1)]);
    while (Timer* timer = moved.pop_front()) place(*timer);
  }
}

void TimerWheel::advance(std::int64_t now_ns) {
  const std::int64_t now_tick = now_ns / kTickNs;
  while (tick_ <= now_tick) {
    List<Timer> due;
    due.splice_back(slots_[0][tick_ & (kSlots - 1)]);
    ++tick_;
    cascade();
    while (Timer* timer = due.pop_front()) {
      if (timer->deadline_tick >= tick_) {
        place(*timer);  // was beyond the horizon when it was armed
      } else {
        timer->handler(*timer);
      }
    }
  }
}

std::int64_t TimerWheel::next_deadline_ns() const {
  for (int level = 0; level < kLevels; ++level) {
    const std::int64_t base = tick_ >> (kBits * level);
    for (std::int64_t step = 0; step < kSlots; ++step) {
      if (!slots_[level][(base + step) & (kSlots - 1)].empty()) {
        return std::max((base + step) << (kBits * level), tick_) * kTickNs;
      }
    }
  }
  return -1;
}

}  // namespace ringcast
