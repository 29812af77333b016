// Looks for the highest rate that still holds: doubles it until one does not, then narrows down.
//
// Rates are geometric: the middle of 100 and 400 is 200. A rate counts as too high only if it does
// not hold twice in a row, for one bad run may be the machine's.
#pragma once

#include <cmath>
#include <optional>

namespace ringcast::load {

class KneeSearch {
 public:
  // `from`: the first rate; `to`: the highest that is tried; `precision`: 0.05 ends where the
  // lowest bad rate is at most 5 % above the best.
  KneeSearch(double from, double to, double precision)
      : next_(from < to ? from : to), from_(next_), to_(to), precision_(precision) {}

  // The rate to try next; nothing when it is done.
  std::optional<double> next() const { return done_ ? std::nullopt : std::optional(next_); }

  void tell(bool held) {
    if (!held && !suspect_) {
      suspect_ = true;  // once more
      return;
    }
    suspect_ = false;
    (held ? best_ : bad_) = next_;
    choose();
  }

  std::optional<double> best() const { return best_; }  // nothing: not even the lowest held
  std::optional<double> bad() const { return bad_; }    // the lowest; nothing: `to` held

 private:
  static constexpr double kLeastShare = 1.0 / 1024;  // of `from`

  void choose() {
    if (best_ && !bad_) {
      done_ = *best_ >= to_;
      next_ = *best_ * 2 < to_ ? *best_ * 2 : to_;
    } else if (!best_) {
      next_ = *bad_ / 2;
      done_ = next_ < from_ * kLeastShare;
    } else {
      next_ = std::sqrt(*best_ * *bad_);
      done_ = *bad_ <= *best_ * (1 + precision_);
    }
  }

  double next_;
  double from_;
  double to_;
  double precision_;
  bool suspect_ = false;
  bool done_ = false;
  std::optional<double> best_;
  std::optional<double> bad_;
};

}  // namespace ringcast::load
