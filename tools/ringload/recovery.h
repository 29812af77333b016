// How those come back who were disconnected at the same time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

namespace ringcast::load {

class Recovery {
 public:
  // `away`: how many were not streaming right after it began.
  Recovery(std::int64_t began_ns, std::size_t away) : began_ns_(began_ns), away_(away) {}

  // Whenever it may have changed.
  void see(std::int64_t now_ns, std::size_t away) {
    reach(half_s_, now_ns, away, 0.5);
    reach(most_s_, now_ns, away, 0.99);
    reach(all_s_, now_ns, away, 1);
  }
  void caught_up(std::int64_t now_ns) { caught_up_s_ = since(now_ns); }

  std::int64_t began_ns() const { return began_ns_; }
  std::size_t away() const { return away_; }
  // Seconds from the beginning until these shares of them were streaming again, and until the last
  // had what it lacked; below 0: not yet.
  double half_s() const { return half_s_; }
  double most_s() const { return most_s_; }
  double all_s() const { return all_s_; }
  double caught_up_s() const { return caught_up_s_; }
  double since(std::int64_t now_ns) const { return static_cast<double>(now_ns - began_ns_) / 1e9; }

 private:
  void reach(double& at_s, std::int64_t now_ns, std::size_t away, double share) const {
    const double back = static_cast<double>(away_) - static_cast<double>(away);
    if (at_s < 0 && back >= std::ceil(share * static_cast<double>(away_))) at_s = since(now_ns);
  }

  std::int64_t began_ns_;
  std::size_t away_;
  double half_s_ = -1;
  double most_s_ = -1;
  double all_s_ = -1;
  double caught_up_s_ = -1;
};

}  // namespace ringcast::load
