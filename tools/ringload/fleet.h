// All subscribers: brings them up at a given pace, knows how many of each topic live, and lets them
// leave and return.
//
//   fresh → streaming → gone                      cut off by the server
//   streaming → away → connecting → streaming     left on purpose (send_away); in a storm whoever
//                                                 is cut off returns, too
//
// A member that returns goes on behind the last id it saw, and then gets what was published while
// it was away; or its stream begins anew, and what was published then is not for it. Connects that
// fail on the way back are tried again after kRetryNs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/histogram.h"
#include "tools/ringload/loop.h"
#include "tools/ringload/options.h"
#include "tools/ringload/ramp.h"
#include "tools/ringload/subscriber.h"

namespace ringcast::load {

// Whoever keeps account of what is to be delivered.
class FleetWatcher {
 public:
  // Nothing more is for this subscriber that was not for it before, and what it has not got will
  // not come.
  virtual void on_stream_ended(const Subscriber& subscriber) = 0;
  // What is published from now on is for this one; its checker has to be told.
  virtual void on_stream_began(Subscriber& subscriber) = 0;

 protected:
  ~FleetWatcher() = default;
};

struct FleetReturns {
  std::uint64_t returned = 0;  // were streaming again
  std::uint64_t failed = 0;    // connects on the way there
  Histogram ready;             // ns from the connect to the stream
  std::string first_error;
};

class Fleet {
 public:
  static constexpr std::int64_t kRetryNs = 100'000'000;

  enum class State : std::uint8_t { fresh, streaming, away, gone };
  struct Member {
    std::unique_ptr<Subscriber> subscriber;
    std::int64_t connecting_ns = 0;  // when it began to connect
    std::uint32_t streams = 0;       // that it has begun
    State state = State::fresh;
    bool anew = false;  // its next stream does not go on where this one ended

    // Whether what it has not got is its due.
    bool owed() const { return streams != 0 && !(state == State::away && anew); }
  };

  // All must outlive it.
  Fleet(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals,
        FleetWatcher& watcher);

  // Starts connecting what is due; call it every turn until all are settled().
  void ramp(std::int64_t now_ns);
  // When ramp() has something to do next.
  std::int64_t next_start_ns() const { return ramp_.next_ns(); }
  bool settled() const { return ready_ + failed_ >= members_.size(); }

  // Ends a member's stream from this side, and lets it return. False if it has none.
  bool send_away(std::size_t index);
  // Starts those on their way back whose turn it is, at most so many each second (0: no limit);
  // call it every turn. Times are ns since the start of the run.
  void step(std::int64_t now_ns, double returns_per_s);
  std::int64_t next_step_ns() const;  // when it has something to do; -1: nothing by the clock
  std::size_t away() const { return away_; }  // left, and not streaming again
  std::size_t streaming() const { return streaming_; }
  const FleetReturns& returns() const { return returns_; }

  std::size_t size() const { return members_.size(); }
  std::size_t ready() const { return ready_; }            // were accepted, whatever became of them
  std::size_t slow_ready() const { return slow_ready_; }  // of these: never read
  std::size_t failed() const { return failed_; }
  std::size_t lost() const { return lost_; }  // accepted, then ended by the server
  const std::string& first_error() const { return first_error_; }

  // Subscribers that read a topic and live.
  std::uint32_t readers(std::uint32_t topic) const { return readers_[topic]; }
  std::size_t readers() const;
  const std::vector<Member>& members() const { return members_; }

  // For subscribers.
  Arrivals& arrivals() { return arrivals_; }
  const Options& options() const { return options_; }
  std::string topic_name(std::uint32_t topic) const;
  void on_ready(Subscriber& subscriber);
  void on_failed(Subscriber& subscriber, std::string message);
  void on_left(Subscriber& subscriber);

 private:
  struct Retry {
    std::uint32_t number;
    std::int64_t at_ns;
  };

  std::unique_ptr<Subscriber> make(Loop& loop, std::size_t ring, std::uint32_t topic, bool slow);
  SocketOptions socket_of(std::size_t index) const;
  void leave_stream(Member& member);
  void end_stream(Member& member);
  void retry(const Subscriber& subscriber, std::string message);

  const Options& options_;
  const Address& address_;
  Loop& loop_;
  Arrivals& arrivals_;
  FleetWatcher& watcher_;
  std::vector<std::uint32_t> next_sequences_;  // one per subscriber and publisher
  std::vector<Member> members_;
  std::vector<std::uint32_t> readers_;
  Ramp ramp_;
  std::deque<std::uint32_t> returning_;  // free to connect again
  std::deque<Retry> retries_;
  FleetReturns returns_;
  std::int64_t next_return_ns_ = 0;
  std::size_t connecting_ = 0;  // on their way back
  std::size_t away_ = 0;
  std::size_t streaming_ = 0;
  std::string first_error_;
  std::size_t ready_ = 0;
  std::size_t slow_ready_ = 0;
  std::size_t failed_ = 0;
  std::size_t lost_ = 0;
};

}  // namespace ringcast::load
