// How often somebody may ask: a token bucket for each client and each key, on all cores together.
//
// A bucket is one number, the time at which it will be full again (the generic cell rate algorithm,
// ITU-T I.371): asking moves it on by one request's share of the window, and is refused if that
// would take it further than a window ahead. The table has a fixed size; a client without a bucket
// takes the place of the one among eight that is fullest, which has the least to forget. So an
// attack from a million addresses costs no memory, and those who were refused stay refused.
//
// Who owns what: shared by the cores, all of it atomics. Two cores that meet in one bucket may lose
// a request's count, never more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/counter.h"

namespace ringcast {

// SipHash-2-4: nobody who does not know the secret can make two names meet.
std::uint64_t sip_hash(std::uint64_t secret0, std::uint64_t secret1, std::string_view text);

struct Rate {
  std::uint32_t requests = 0;  // a window; 0: any
  std::uint32_t window_s = 60;
};

struct RateVerdict {
  bool allowed = true;
  std::uint32_t remaining = 0;      // of this window
  std::uint32_t retry_after_s = 0;  // if it is not allowed; at least 1
};

class RateLimiter {
 public:
  // Rounded up to whole sets; 16 bytes each.
  explicit RateLimiter(std::size_t buckets);

  // The two secrets come from the kernel.
  std::uint64_t key_of(std::string_view kind, std::string_view name) const;
  // Asks once. `now_ns` is of a clock that all cores share.
  RateVerdict take(std::uint64_t key, const Rate& rate, std::int64_t now_ns);
  // Whether asking would be refused.
  RateVerdict look(std::uint64_t key, const Rate& rate, std::int64_t now_ns) const;

  std::size_t buckets() const { return buckets_.size(); }
  // Buckets that were given to somebody else before they were full.
  std::uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kWays = 8;
  struct Bucket {
    std::atomic<std::uint64_t> key{0};
    std::atomic<std::int64_t> full_at_ns{0};
  };
  Bucket* set_of(std::uint64_t key) { return &buckets_[(key % sets_) * kWays]; }
  const Bucket* set_of(std::uint64_t key) const { return &buckets_[(key % sets_) * kWays]; }
  Bucket& bucket_of(std::uint64_t key, std::int64_t now_ns);

  std::size_t sets_;
  std::vector<Bucket> buckets_;
  std::uint64_t secret_[2];
  std::atomic<std::uint64_t> forgotten_{0};
};

}  // namespace ringcast
