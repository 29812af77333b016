// A subscriber of one topic, whatever it speaks: what becomes of the stamps that it reads.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "tools/ringload/address.h"
#include "tools/ringload/sequence_checker.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

class Fleet;

class Subscriber {
 public:
  // `slow`: subscribes and never reads.
  Subscriber(Fleet& fleet, std::uint32_t topic, bool slow)
      : fleet_(fleet), topic_(topic), slow_(slow) {}
  virtual ~Subscriber() = default;
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // Again after leave(), when the fleet knows that it has left.
  virtual void start(const Address& to, const SocketOptions& options) = 0;
  // Ends its connection from this side, whatever it is doing.
  virtual void leave() = 0;
  // Of the last event that had one; empty: none had.
  virtual std::string_view last_id() const { return {}; }
  void enlist(std::uint32_t number, SequenceChecker checker) {
    number_ = number;
    checker_ = std::move(checker);
  }

  std::uint32_t number() const { return number_; }  // among the members of the fleet
  std::uint32_t topic() const { return topic_; }
  bool slow() const { return slow_; }
  // Whether it was accepted, since it began to connect.
  bool counted() const { return counted_; }
  const SequenceChecker& checker() const { return checker_; }
  SequenceChecker& checker() { return checker_; }

 protected:
  Fleet& fleet() const { return fleet_; }
  void count_receive(std::size_t bytes, std::int64_t clock_ns);
  void ready();
  void failed(std::string message);
  void left();
  void take_stamp(const Stamp& stamp);
  void take_gap();
  void take_foreign();

 private:
  Fleet& fleet_;
  SequenceChecker checker_;
  std::uint32_t number_ = 0;
  std::uint32_t topic_;
  bool slow_;
  bool counted_ = false;
};

}  // namespace ringcast::load
