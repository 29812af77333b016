// Which publisher sends which event to which topic, and when it should. All of it follows from the
// counts alone, so nothing is kept per event:
//
//   event k of the run belongs to publisher k % P, as its number j = k / P, and to topic k % T.
//
// Publisher p thus meets a topic again after every T / gcd(P, T) events of its own.
#pragma once

#include <cstdint>
#include <numeric>
#include <utility>

namespace ringcast::load {

class Schedule {
 public:
  Schedule(std::uint32_t publishers, std::uint32_t topics)
      : publishers_(publishers), topics_(topics), round_(topics / std::gcd(publishers, topics)) {
    // The number that P / gcd(P, T) gives 1 with, modulo round_: by Euclid's algorithm.
    std::int64_t a = static_cast<std::int64_t>(publishers_ * round_ / topics_ % round_);
    auto b = static_cast<std::int64_t>(round_);
    std::int64_t x = 1;
    std::int64_t y = 0;
    while (b != 0) {
      x -= a / b * y;
      std::swap(x, y);
      a %= b;
      std::swap(a, b);
    }
    const auto round = static_cast<std::int64_t>(round_);
    inverse_ = static_cast<std::uint64_t>((x % round + round) % round);
  }

  std::uint32_t topic(std::uint32_t publisher, std::uint64_t number) const {
    return static_cast<std::uint32_t>((publisher + number * publishers_) % topics_);
  }
  // The event's number among those of this publisher on its topic.
  std::uint32_t sequence(std::uint64_t number) const {
    return static_cast<std::uint32_t>(number / round_);
  }
  // How many of the first `numbers` events of a publisher go to the topic that its event `first`
  // (below round()) goes to.
  std::uint32_t count(std::uint64_t numbers, std::uint64_t first) const {
    return numbers <= first ? 0 : static_cast<std::uint32_t>((numbers - first - 1) / round_ + 1);
  }
  // The first event of a publisher that goes to a topic; none() if there is none.
  std::uint64_t first(std::uint32_t publisher, std::uint32_t topic) const {
    const std::uint64_t step = std::gcd(publishers_, topics_);
    const std::uint64_t distance = (topic + topics_ - publisher % topics_) % topics_;
    return distance % step != 0 ? none() : distance / step % round_ * inverse_ % round_;
  }
  static constexpr std::uint64_t none() { return ~std::uint64_t{0}; }
  // The number of topics that a publisher sends to.
  std::uint64_t round() const { return round_; }

  // Nanoseconds from the start of the schedule until event k is to be sent. `burst`: so many at a
  // time, at the same rate on average.
  static std::int64_t intended_ns(std::uint64_t event, double rate, std::uint32_t burst = 1) {
    const std::uint64_t first = event - event % burst;
    return static_cast<std::int64_t>(static_cast<double>(first) * 1e9 / rate);
  }

 private:
  std::uint64_t publishers_;
  std::uint64_t topics_;
  std::uint64_t round_;
  std::uint64_t inverse_ = 0;
};

}  // namespace ringcast::load
