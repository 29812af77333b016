// One publisher: a keep-alive connection on which each event is a request.
//
// It sends when told to, up to `pipeline` requests before their answers. A request that is answered
// 429 or 503 is sent again a little later; any other answer but 2xx ends the publisher, since what
// follows would be refused too. If the server closes the connection between requests, it connects
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "tools/ringload/connection.h"
#include "tools/ringload/options.h"
#include "tools/ringload/response_reader.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

class Publisher;

// Who decides when publishers send.
class PublisherOwner {
 public:
  virtual void on_free(Publisher& publisher) = 0;  // can take an event, where it could not before
  virtual void on_answer(Publisher& publisher, std::int64_t took_ns) = 0;
  virtual void on_refused(Publisher& publisher) = 0;  // wants retry() in a while
  virtual void on_failed(Publisher& publisher, std::string message) = 0;

 protected:
  ~PublisherOwner() = default;
};

class Publisher final : public Connection {
 public:
  Publisher(PublisherOwner& owner, Loop& loop, const Options& options, const Address& address,
            std::uint32_t index)
      : Connection(loop, 0), owner_(owner), options_(options), address_(address), index_(index) {}

  void start() { open(address_, {}); }
  // Whether publish() may be called.
  bool free() const { return connected_ && !sending_ && sent_at_.size() < options_.pipeline; }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp);
  void retry();

  std::uint32_t index() const { return index_; }
  std::uint64_t answered() const { return answered_; }  // with 2xx
  std::size_t unanswered() const { return sent_at_.size(); }
  bool connected() const { return connected_; }

 private:
  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void send_request();
  void on_response();
  void reconnect();
  void fail_with(std::string message);

  PublisherOwner& owner_;
  const Options& options_;
  const Address& address_;
  std::uint32_t index_;
  bool connected_ = false;
  bool sending_ = false;
  bool failed_ = false;
  bool refused_ = false;
  std::string request_;
  std::string payload_;
  ResponseReader reader_;
  std::deque<std::int64_t> sent_at_;  // of unanswered requests
  std::uint64_t answered_ = 0;
};

}  // namespace ringcast::load
