// All subscribers: brings them up at a given pace and knows how many of each topic live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/loop.h"
#include "tools/ringload/options.h"
#include "tools/ringload/ramp.h"
#include "tools/ringload/subscriber.h"

namespace ringcast::load {

class Fleet {
 public:
  // Called when a subscriber that was streaming ends.
  using OnLost = std::function<void(const Subscriber&)>;

  Fleet(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals);

  // Starts connecting what is due; call it every turn until all are settled().
  void ramp(std::int64_t now_ns);
  // When ramp() has something to do next.
  std::int64_t next_start_ns() const { return ramp_.next_ns(); }
  bool settled() const { return ready_ + failed_ >= members_.size(); }

  std::size_t size() const { return members_.size(); }
  std::size_t ready() const { return ready_; }            // were accepted, whatever became of them
  std::size_t slow_ready() const { return slow_ready_; }  // of these: never read
  std::size_t failed() const { return failed_; }
  std::size_t lost() const { return lost_; }  // accepted, then ended
  const std::string& first_error() const { return first_error_; }

  // Subscribers that read a topic and live.
  std::uint32_t readers(std::uint32_t topic) const { return readers_[topic]; }
  std::size_t readers() const;
  const std::vector<std::unique_ptr<Subscriber>>& members() const { return members_; }
  void on_lost(OnLost callback) { on_lost_ = std::move(callback); }

  // For subscribers.
  Arrivals& arrivals() { return arrivals_; }
  const Options& options() const { return options_; }
  std::string topic_name(std::uint32_t topic) const;
  void on_ready(Subscriber& subscriber);
  void on_failed(Subscriber& subscriber, std::string message);

 private:
  std::unique_ptr<Subscriber> make(Loop& loop, std::size_t ring, std::uint32_t topic, bool slow);

  const Options& options_;
  const Address& address_;
  Arrivals& arrivals_;
  std::vector<std::uint32_t> next_sequences_;  // one per subscriber and publisher
  std::vector<std::unique_ptr<Subscriber>> members_;
  std::vector<std::uint32_t> readers_;
  Ramp ramp_;
  OnLost on_lost_;
  std::string first_error_;
  std::size_t ready_ = 0;
  std::size_t slow_ready_ = 0;
  std::size_t failed_ = 0;
  std::size_t lost_ = 0;
};

}  // namespace ringcast::load
