#include "protocol/rate_limiter.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/check.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
};

struct Share {
  std::int64_t window_ns;
  std::int64_t request_ns;
};
Share share_of(const Rate& rate) {
  const std::int64_t window_ns = rate.window_s * kNsPerSecond;
  return {window_ns, window_ns / rate.requests};
}

RateVerdict verdict(std::int64_t full_at_ns, const Share& share, std::int64_t now_ns) {
  const std::int64_t ahead_ns = full_at_ns - now_ns;
  if (ahead_ns > share.window_ns) {
    const std::int64_t wait_ns = ahead_ns - share.window_ns;
    return {
        .allowed = false,
        .retry_after_s = static_cast<std::uint32_t>((wait_ns + kNsPerSecond - 1) / kNsPerSecond)};
  }
  return {.remaining = static_cast<std::uint32_t>((share.window_ns - ahead_ns) / share.request_ns)};
}

}  // namespace

std::uint64_t sip_hash(std::uint64_t secret0, std::uint64_t secret1, std::string_view text) {
  SipState state{secret0 ^ 0x736f6d6570736575U, secret1 ^ 0x646f72616e646f6dU,
                 secret0 ^ 0x6c7967656e657261U, secret1 ^ 0x7465646279746573U};
  std::uint64_t last = static_cast<std::uint64_t>(text.size()) << 56;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), sizeof word);
    state.take(word);
    text.remove_prefix(8);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    last |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
  }
  state.take(last);
  state.v2 ^= 0xff;
  for (int i = 0; i < 4; ++i) state.round();
  return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

RateLimiter::RateLimiter(std::size_t buckets)
    : sets_(std::max<std::size_t>((buckets + kWays - 1) / kWays, 1)), buckets_(sets_ * kWays) {
  RINGCAST_CHECK(getrandom(secret_, sizeof secret_, 0) == sizeof secret_);
}

std::uint64_t RateLimiter::key_of(std::string_view kind, std::string_view name) const {
  const std::uint64_t of_kind = sip_hash(secret_[0], secret_[1], kind);
  // 0 is a bucket that is nobody's.
  return std::max<std::uint64_t>(sip_hash(of_kind, secret_[1], name), 1);
}

RateLimiter::Bucket& RateLimiter::bucket_of(std::uint64_t key, std::int64_t now_ns) {
  Bucket* const set = set_of(key);
  Bucket* fullest = set;
  for (std::size_t i = 0; i < kWays; ++i) {
    const std::uint64_t owner = set[i].key.load(std::memory_order_relaxed);
    if (owner == key) return set[i];
    if (set[i].full_at_ns.load(std::memory_order_relaxed) <
        fullest->full_at_ns.load(std::memory_order_relaxed)) {
      fullest = &set[i];
    }
  }
  if (fullest->full_at_ns.load(std::memory_order_relaxed) > now_ns) {
    forgotten_.fetch_add(1, std::memory_order_relaxed);
  }
  fullest->full_at_ns.store(now_ns, std::memory_order_relaxed);
  fullest->key.store(key, std::memory_order_relaxed);
  return *fullest;
}

RateVerdict RateLimiter::take(std::uint64_t key, const Rate& rate, std::int64_t now_ns) {
  if (rate.requests == 0) return {};
  const Share share = share_of(rate);
  Bucket& bucket = bucket_of(key, now_ns);
  std::int64_t before = bucket.full_at_ns.load(std::memory_order_relaxed);
  for (;;) {
    const std::int64_t after = std::max(before, now_ns) + share.request_ns;
    const RateVerdict answer = verdict(after, share, now_ns);
    if (!answer.allowed) return answer;
    if (bucket.full_at_ns.compare_exchange_weak(before, after, std::memory_order_relaxed)) {
      return answer;
    }
  }
}

RateVerdict RateLimiter::look(std::uint64_t key, const Rate& rate, std::int64_t now_ns) const {
  if (rate.requests == 0) return {};
  const Share share = share_of(rate);
  const Bucket* const set = set_of(key);
  for (std::size_t i = 0; i < kWays; ++i) {
    if (set[i].key.load(std::memory_order_relaxed) != key) continue;
    const std::int64_t before = set[i].full_at_ns.load(std::memory_order_relaxed);
    return verdict(std::max(before, now_ns) + share.request_ns, share, now_ns);
  }
  return {};
}

}  // namespace ringcast
