// A publisher, whatever it speaks: sends when told to, up to `pipeline` events before their
// answers.
//
// Where nothing answers a single event, it counts as answered once it is with the kernel, and
// finish() makes the server say how many it has taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tools/ringload/address.h"
#include "tools/ringload/options.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

class Publisher;

// Who decides when publishers send.
class PublisherOwner {
 public:
  virtual void on_free(Publisher& publisher) = 0;  // may be able to take an event now
  // `took_ns`: until the answer; negative: there is none.
  virtual void on_answer(Publisher& publisher, std::int64_t took_ns) = 0;
  virtual void on_refused(Publisher& publisher) = 0;  // wants retry() in a while
  virtual void on_failed(Publisher& publisher, std::string message) = 0;
  virtual void on_finished(Publisher& publisher) = 0;  // after finish() said that it will

 protected:
  ~PublisherOwner() = default;
};

class Publisher {
 public:
  Publisher(PublisherOwner& owner, const Options& options, std::uint32_t index)
      : owner_(owner), options_(options), index_(index) {}
  virtual ~Publisher() = default;
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  virtual void start(const SocketOptions& socket) = 0;
  // Whether publish() may be called.
  virtual bool free() const = 0;
  virtual void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) = 0;
  // Sends what publish() may have kept for company.
  virtual void flush() {}
  virtual void retry() {}  // only for those who call on_refused()
  // Nothing more will be published. Whether there is an answer to that, after which on_finished()
  // is called.
  virtual bool finish() { return false; }

  std::uint32_t index() const { return index_; }
  // Accepted by the server: of those it has sent, the first so many.
  std::uint64_t answered() const { return answered_; }
  std::size_t unanswered() const { return sent_at_.size(); }

 protected:
  PublisherOwner& owner() const { return owner_; }
  const Options& options() const { return options_; }
  // The payload of an event, good until the next call.
  std::string_view payload(const StampCodec& codec, const Stamp& stamp) {
    payload_.resize(options_.size, 'x');
    codec.write(payload_.data(), stamp);
    return payload_;
  }
  // The oldest event that was not answered has been.
  void take_answer(std::int64_t now_ns) {
    const std::int64_t took_ns = now_ns - sent_at_.front();
    sent_at_.pop_front();
    ++answered_;
    owner_.on_answer(*this, took_ns);
  }

  void confirm(std::uint64_t events) { answered_ = events; }

  std::deque<std::int64_t> sent_at_;  // of unanswered events

 private:
  PublisherOwner& owner_;
  const Options& options_;
  std::uint32_t index_;
  std::string payload_;
  std::uint64_t answered_ = 0;
};

}  // namespace ringcast::load
