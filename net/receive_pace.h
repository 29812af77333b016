// How fast, and how slowly, a peer may send.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace ringcast {

// What was received is paid for with time before more is. The peer feels it as a slow link, by
// TCP's flow control; nothing is lost or refused.
class ReceivePace {
 public:
  // `bytes_per_s`: 0 is any.
  void received(std::size_t bytes, std::uint64_t bytes_per_s, std::int64_t now_ns) {
    if (bytes_per_s == 0) return;
    from_ns_ = std::max(from_ns_, now_ns) + time_ns(bytes, bytes_per_s);
  }
  bool waits(std::int64_t now_ns) const { return from_ns_ > now_ns; }
  std::int64_t wait_ns(std::int64_t now_ns) const { return from_ns_ - now_ns; }

  // How long so many bytes take; what arrives at once is far less than would overflow.
  static std::int64_t time_ns(std::size_t bytes, std::uint64_t bytes_per_s) {
    return static_cast<std::int64_t>(bytes * 1'000'000'000U / bytes_per_s);
  }

 private:
  std::int64_t from_ns_ = 0;
};

// What is held until its end comes has to come to it: from timeout_ms on at bytes_per_s.
struct LeastPace {
  std::uint64_t timeout_ms = 0;
  std::uint64_t bytes_per_s = 0;  // 0: any

  std::int64_t due_ns(std::uint64_t received_bytes) const {
    return static_cast<std::int64_t>(timeout_ms + received_bytes * 1000 / bytes_per_s) * 1'000'000;
  }
};

// Of one message after the other.
class MessagePace {
 public:
  // `open`: more of the message that these bytes belong to is to come. True: it comes too slowly.
  bool too_slow(bool open, std::size_t bytes, const LeastPace& least, std::int64_t now_ns) {
    if (!open || least.bytes_per_s == 0) {
      begin_ns_ = 0;
      return false;
    }
    if (begin_ns_ == 0) {
      begin_ns_ = now_ns;
      bytes_ = 0;
    }
    bytes_ += bytes;
    return now_ns - begin_ns_ > least.due_ns(bytes_);
  }

 private:
  std::int64_t begin_ns_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace ringcast
