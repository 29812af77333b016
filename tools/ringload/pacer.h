// Decides which publisher sends when.
//
// Closed loop: a publisher that is free sends as soon as the window allows it. The window counts
// events that are published but not delivered to all their subscribers. Which events these are
// would cost a search for the slowest subscriber; instead the deliveries still to come are counted
// and divided by the subscribers of a topic (on average): at most W - 1 events' worth may be under
// way when another is sent. With one topic and subscribers that keep step this is the same.
//
// Open loop: event k is due at k / rate, or with all of its burst when the first of that is due. If
// its publisher still waits for an answer, the event is sent late, but keeps its intended time,
// from which its latency is counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/fleet.h"
#include "tools/ringload/histogram.h"
#include "tools/ringload/loop.h"
#include "tools/ringload/options.h"
#include "tools/ringload/publisher.h"
#include "tools/ringload/ramp.h"
#include "tools/ringload/schedule.h"

namespace ringcast::load {

// How many get an event, as far as the pacer has to know.
class Audience {
 public:
  virtual std::uint32_t readers(std::uint32_t topic) const = 0;
  virtual double readers_per_topic() const = 0;
  // A publisher that had been connected, or not, has failed.
  virtual void on_publisher_failed(const Publisher&) {}

 protected:
  ~Audience() = default;
};

class Pacer final : public PublisherOwner {
 public:
  static constexpr std::int64_t kLateNs = 1'000'000;
  using Make = std::function<std::unique_ptr<Publisher>(PublisherOwner&, std::uint32_t index)>;
  struct Setup {
    const Options& options;
    std::uint32_t topics;
    double ramp;  // connects/s; 0: no limit
  };

  // All references must outlive it.
  Pacer(const Setup& setup, Loop& loop, Arrivals& arrivals, Audience& audience, const Make& make);

  // Starts connecting what is due; call it every turn until settled().
  void connect(std::int64_t now_ns);
  std::int64_t next_connect_ns() const { return ramp_.next_ns(); }
  bool settled() const { return connected_ + failed_ >= senders_.size(); }
  std::size_t connected() const { return connected_; }

  // Times are ns since the start of the run.
  void start(std::int64_t now_ns);
  // No more events become due; those that are (open loop) are still sent.
  void stop();
  void step(std::int64_t now_ns);  // once a turn
  std::int64_t next_ns() const;    // when step() has something to do; -1: nothing by the clock

  std::uint64_t published() const { return published_; }  // sent
  std::uint64_t answered() const { return answered_; }
  bool all_answered() const { return failed_ != 0 || (published_ == answered_ && finishing_ == 0); }
  // Sent, and not known to be accepted.
  std::uint64_t unconfirmed() const;
  // Open loop: events that are due, and not sent because their publisher waits for an answer.
  std::uint64_t unsent() const {
    return options_.mode == Mode::open ? next_event_ - published_ : 0;
  }
  // Deliveries still to come.
  std::int64_t outstanding() const;
  // Deliveries that no subscriber will ever get.
  void write_off(std::uint64_t deliveries) { written_off_ += deliveries; }
  void write_off(const Subscriber& subscriber);
  // What is sent from now on is for this one.
  void begin(Subscriber& subscriber) const;
  // How many events each publisher has sent.
  std::vector<std::uint64_t> sent() const;
  // Whether a subscriber has got as far as sent() was.
  bool has_all(const Subscriber& subscriber, const std::vector<std::uint64_t>& sent) const;
  // Deliveries of answered events that have not come, as far as the end of the run tells.
  std::uint64_t never_arrived(const Fleet& fleet) const;

  Histogram& publish_latency() { return publish_latency_; }  // of the interval under way
  // Records the same there, too; null: no more.
  void record_also(Histogram* publish_latency) { also_ = publish_latency; }
  std::uint64_t late_by_us() const { return late_by_us_; }  // sent > kLateNs late: client too slow
  std::uint64_t late_by_answers() const { return late_by_answers_; }  // ... its publisher waited
  std::uint64_t refused() const { return refused_; }                  // 429 and 503
  std::size_t failed() const { return failed_; }
  const std::string& first_error() const { return first_error_; }

 private:
  static constexpr std::int64_t kRetryNs = 10'000'000;
  enum class Phase : std::uint8_t { connecting, running, stopped };
  struct Retry {
    Publisher* publisher;
    std::int64_t at_ns;
  };
  struct Sender {
    std::unique_ptr<Publisher> publisher;
    std::uint64_t sent = 0;
    std::uint64_t due = 0;  // open loop
    bool connected = false;
    bool queued = false;  // closed loop: in free_
    bool ended = false;   // finish() was called
  };

  void on_free(Publisher& publisher) override;
  void on_answer(Publisher& publisher, std::int64_t took_ns) override;
  void on_refused(Publisher& publisher) override;
  void on_failed(Publisher& publisher, std::string message) override;
  void on_finished(Publisher&) override { --finishing_; }

  void end_senders();
  void step_open(std::int64_t now_ns);
  void step_closed(std::int64_t now_ns);
  void send(Sender& sender, std::int64_t now_ns, std::uint64_t& late);
  void queue(Sender& sender);
  std::int64_t intended_ns(std::uint64_t event) const;

  const Options& options_;
  Loop& loop_;
  Arrivals& arrivals_;
  Audience& audience_;
  Schedule schedule_;
  Ramp ramp_;
  std::vector<std::string> topics_;
  std::vector<Sender> senders_;
  std::deque<Sender*> free_;  // closed loop
  std::deque<Retry> retries_;
  Phase phase_ = Phase::connecting;
  std::int64_t start_ns_ = 0;
  std::uint64_t next_event_ = 0;  // open loop: the first that is not yet due
  std::int64_t allowance_ = 0;    // closed loop: deliveries that may be outstanding
  std::uint64_t published_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t expected_ = 0;     // deliveries of what was sent
  std::uint64_t written_off_ = 0;  // of these: to subscribers that ended
  std::uint64_t late_by_us_ = 0;
  std::uint64_t late_by_answers_ = 0;
  std::uint64_t refused_ = 0;
  std::size_t connected_ = 0;
  std::size_t failed_ = 0;
  std::size_t ended_ = 0;      // senders that will send no more
  std::size_t finishing_ = 0;  // of these: whose finish() was not answered yet
  Histogram publish_latency_;
  Histogram* also_ = nullptr;
  std::string first_error_;
};

}  // namespace ringcast::load
