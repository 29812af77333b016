// The conversation in which a server's sockets and histories go from one process to the next.
//
//   new  hello      which version of this conversation, which program, how many cores
//   old  offer      epoch and numbering, seeds, switched features, how many sockets; or `refusal`
//   old  listeners  the sockets, as often as there are more
//   new  ready      everything that can fail by itself has been done: rings, memory, addresses
//   old  history    holds publishing back, then sends records (core/history_record.h); at last
//   `end` new  taken      all of it is in place; which of the sockets it uses old  go new  serving
//   and from now on it does
//
// Until the old one has sent `go` it decides: whatever fails, it lets the publishers go on and
// stays as it was, and the new one ends. After `go` it waits, still holding publishers back, for
// `serving`. The new one's end tells it that it never came to that, and it goes on likewise;
// otherwise it ends its streams and itself. So never do both take events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/publisher_ids.h"
#include "core/result.h"

namespace ringcast {

inline constexpr std::uint32_t kHandoverVersion = 2;

enum class HandoverFrame : std::uint32_t {
  hello = 1,
  refusal,
  offer,
  listeners,
  ready,
  history,
  end,
  taken,
  go,
  serving,
};

// What frames that are no history hold at most.
inline constexpr std::size_t kMostHandoverBytes = 64 << 10;
inline constexpr unsigned kMostHandoverListeners = 65'536;

struct HandoverHello {
  std::uint32_t version = kHandoverVersion;
  std::uint32_t cores = 0;
  std::string program;

  std::string bytes() const;
  static Result<HandoverHello> read(std::string_view bytes);
};

struct HandoverOffer {
  std::string epoch;
  std::uint32_t homes = 0;
  PublisherIds::Seeds seeds{};
  std::string program;
  std::uint32_t listeners = 0;
  std::uint32_t supervised = 0;  // the first of them: the service manager has them, too
  std::vector<std::pair<std::string, bool>> features;  // that are not as configured

  std::string bytes() const;
  // Checks also that both programs hash ids alike.
  static Result<HandoverOffer> read(std::string_view bytes);
};

}  // namespace ringcast
