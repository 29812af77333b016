// What one walk through values that somebody else wrote may cost: a bounded number of steps, a
// bounded depth. Once it is spent, everything fails until the walk has ended.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ringcast {

class JsonBudget {
 public:
  enum class Lacks : unsigned char { nothing, steps, depth };

  // A step is about what a member, an item, a comparison or 64 bytes of text cost.
  JsonBudget(std::uint32_t steps, std::uint32_t depth) : steps_(steps), depth_(depth) {}

  bool spend(std::size_t steps) {
    if (steps > steps_ && lacks_ == Lacks::nothing) lacks_ = Lacks::steps;
    if (lacks_ != Lacks::nothing) return false;
    steps_ -= static_cast<std::uint32_t>(steps);
    return true;
  }
  bool spend_text(std::size_t bytes) { return spend(1 + bytes / 64); }

  Lacks lacks() const { return lacks_; }

  // One level deeper while it lives; false where that is too deep.
  class Level {
   public:
    explicit Level(JsonBudget& budget) : budget_(budget), entered_(budget.depth_ > 0) {
      if (entered_) {
        --budget_.depth_;
      } else if (budget_.lacks_ == Lacks::nothing) {
        budget_.lacks_ = Lacks::depth;
      }
    }
    ~Level() { budget_.depth_ += entered_ ? 1 : 0; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

    explicit operator bool() const { return entered_; }

   private:
    JsonBudget& budget_;
    const bool entered_;
  };

 private:
  std::uint32_t steps_;
  std::uint32_t depth_;
  Lacks lacks_ = Lacks::nothing;
};

}  // namespace ringcast
