// A subscriber of one topic, whatever it speaks: what becomes of the stamps that it reads.
#pragma once

#include <cstdint>
#include <string>

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

  virtual void start(const Address& to, const SocketOptions& options) = 0;
  void check_with(SequenceChecker checker) { checker_ = std::move(checker); }

  std::uint32_t topic() const { return topic_; }
  bool slow() const { return slow_; }
  // Whether it was accepted once.
  bool counted() const { return counted_; }
  const SequenceChecker& checker() const { return checker_; }

 protected:
  Fleet& fleet() const { return fleet_; }
  void count_receive(std::size_t bytes, std::int64_t clock_ns);
  void ready();
  void failed(std::string message);
  void take_stamp(const Stamp& stamp);
  void take_gap();
  void take_foreign();

 private:
  Fleet& fleet_;
  SequenceChecker checker_;
  std::uint32_t topic_;
  bool slow_;
  bool counted_ = false;
};

}  // namespace ringcast::load
