// Which publisher sends which event to which topic, and when it should. All of it follows from the
// counts alone, so nothing is kept per event:
//
//   event k of the run belongs to publisher k % P, as its number j = k / P, and to topic k % T.
//
// Publisher p thus meets a topic again after every T / gcd(P, T) events of its own.
#pragma once

#include <cstdint>
#include <numeric>

namespace ringcast::load {

class Schedule {
 public:
  Schedule(std::uint32_t publishers, std::uint32_t topics)
      : publishers_(publishers), topics_(topics), round_(topics / std::gcd(publishers, topics)) {}

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
  // The number of topics that a publisher sends to.
  std::uint64_t round() const { return round_; }

  // Nanoseconds from the start of the schedule until event k is to be sent.
  static std::int64_t intended_ns(std::uint64_t event, double rate) {
    return static_cast<std::int64_t>(static_cast<double>(event) * 1e9 / rate);
  }

 private:
  std::uint64_t publishers_;
  std::uint64_t topics_;
  std::uint64_t round_;
};

}  // namespace ringcast::load
