// When the bytes of a receive came to this machine, as its kernel says (SO_TIMESTAMPING): what the
// client itself is late by does not count then.
//
// One for each receive under way. Of bytes that came in several packets it is the last one's time.
#pragma once

#include <sys/socket.h>
#include <time.h>  // which errqueue.h takes for granted
//
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace ringcast::load {

class ArrivalStamp {
 public:
  static constexpr int kAsked = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;

  // For the next receive; must stay until it has ended.
  msghdr& message() {
    message_ = {};
    message_.msg_control = control_.data();
    message_.msg_controllen = control_.size();
    return message_;
  }

  // Of the last receive, on the wall clock; 0 if the kernel did not say.
  std::int64_t wall_ns() const {
    const cmsghdr* said = CMSG_FIRSTHDR(&message_);
    if (said == nullptr || said->cmsg_level != SOL_SOCKET || said->cmsg_type != SO_TIMESTAMPING) {
      return 0;
    }
    scm_timestamping stamps;
    std::memcpy(&stamps, CMSG_DATA(said), sizeof stamps);
    return stamps.ts[0].tv_sec * 1'000'000'000LL + stamps.ts[0].tv_nsec;
  }

 private:
  msghdr message_{};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(scm_timestamping))> control_;
};

}  // namespace ringcast::load
