// Timers of one core: a hierarchical wheel of 1 ms ticks, four levels of 64 slots (4.6 hours; later
// deadlines are put in the last slot and placed again). Arming and disarming are O(1) and need no
// kernel operation; the wheel only feeds the time-out of the reactor's wait.
#pragma once

#include <array>
#include <cstdint>

#include "core/list.h"

namespace ringcast {

struct Timer : ListHook {
  using Handler = void (*)(Timer&);
  explicit Timer(Handler on_expiry) : handler(on_expiry) {}

  Handler handler;
  std::int64_t deadline_tick = 0;
};

class TimerWheel {
 public:
  static constexpr std::int64_t kTickNs = 1'000'000;

  explicit TimerWheel(std::int64_t now_ns) : tick_(now_ns / kTickNs) {}

  // Fires at the first tick at or after deadline_ns, never early. Re-arming moves the deadline.
  void arm(Timer& timer, std::int64_t deadline_ns);
  static void disarm(Timer& timer) { timer.unlink(); }

  // Fires what is due. Handlers may arm and disarm any timer.
  void advance(std::int64_t now_ns);

  // A moment not later than the next deadline; negative if no timer is armed.
  std::int64_t next_deadline_ns() const;

 private:
  static constexpr int kLevels = 4;
  static constexpr int kBits = 6;
  static constexpr std::int64_t kSlots = 1 << kBits;

  void place(Timer& timer);
  void cascade();

  std::int64_t tick_;  // everything before it has fired
  std::array<std::array<List<Timer>, kSlots>, kLevels> slots_;
};

}  // namespace ringcast
