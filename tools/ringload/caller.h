// A connection that sends a message and waits for what answers it: itself again (echo), or the
// answer of a worker behind the server (control).
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/publisher.h"
#include "tools/ringload/stamped_frame.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

// What callers have seen besides what Arrivals holds.
struct CallTotals {
  std::uint64_t altered = 0;  // echoes that were not what was sent
  std::uint64_t foreign = 0;  // what comes instead of answers: refusals, what is of others
  std::string first_foreign;
};

// What is said on a connection. The views must outlive the callers.
struct CallText {
  std::string request;  // the handshake; see render_handshake()
  std::string before;   // of the stamp
  std::string after;
  WsOpcode opcode = WsOpcode::text;
  bool comes_back = false;  // the answer must be the same message
  std::string mark;         // what an answer contains besides the stamp
};

// With one message under way at a time it is sent as it lies; several small ones are copied behind
// one another; of several large ones only the fronts, with the stamps, are copied, and all are sent
// with the same rest.
class Caller final : public Publisher, public WsConnection {
 public:
  // `next`: a zero, kept by the caller of this.
  Caller(PublisherOwner& owner, Loop& loop, std::size_t ring, const Options& options,
         const Address& address, Arrivals& arrivals, CallTotals& totals, const CallText& text,
         std::uint32_t index, std::uint32_t& next);

  void start(const SocketOptions& socket) override { dial(address_, socket, text_.request); }
  bool free() const override {
    if (options().pipeline == 1 && sending()) return false;
    return is_open() && sent_at_.size() < options().pipeline;
  }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;
  void flush() override;

 private:
  void on_open() override { owner().on_free(*this); }
  void on_receive(std::size_t bytes) override { arrivals_.count_receive(bytes, arrived_ns()); }
  void on_data(const WsMessage& message) override;
  void on_written() override;
  void on_ended(std::string message) override { owner().on_failed(*this, std::move(message)); }

  bool is_whole(const WsMessage& message) const;
  void send_gathered();
  void take_foreign(std::string_view text);

  static constexpr std::size_t kLargeBytes = 1024;
  static constexpr std::uint32_t kGatheredMax = 512;  // two parts each; a send takes 1024

  const Address& address_;
  Arrivals& arrivals_;
  CallTotals& totals_;
  const CallText& text_;
  StampedFrame frame_;
  bool gathers_;
  std::string fronts_;            // of the messages for the next send
  std::string fronts_under_way_;  // of those being sent
  std::vector<iovec> parts_;
  msghdr message_{};
  StampFinder stamps_;
  SequenceChecker checker_;
};

}  // namespace ringcast::load
