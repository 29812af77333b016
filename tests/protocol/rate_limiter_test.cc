#include "protocol/rate_limiter.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <thread>

namespace ringcast {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr Rate kHundred{.requests = 100, .window_s = 60};

TEST(RateLimiter, HashIsThatOfThePaper) {
  // The example of appendix A, and two of the reference vectors.
  constexpr std::uint64_t k0 = 0x0706050403020100U;
  constexpr std::uint64_t k1 = 0x0f0e0d0c0b0a0908U;
  std::string text(15, '\0');
  std::iota(text.begin(), text.end(), '\0');
  EXPECT_EQ(sip_hash(k0, k1, text), 0xa129ca6149be45e5U);
  EXPECT_EQ(sip_hash(k0, k1, ""), 0x726fdb47dd0e0e31U);
  EXPECT_EQ(sip_hash(k0, k1, text.substr(0, 8)), 0x93f5f5799a932462U);
}

TEST(RateLimiter, AWindowFullThenAsManyAsItRefills) {
  RateLimiter limiter(1'000);
  const std::uint64_t key = limiter.key_of("client", "a");
  std::int64_t now = 5 * kSecond;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const RateVerdict answer = limiter.take(key, kHundred, now);
    ASSERT_TRUE(answer.allowed) << i;
    EXPECT_EQ(answer.remaining, 99 - i);
  }
  const RateVerdict refused = limiter.take(key, kHundred, now);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after_s, 1u);  // one every 0.6 s
  EXPECT_FALSE(limiter.look(key, kHundred, now).allowed);
  EXPECT_TRUE(limiter.take(limiter.key_of("client", "b"), kHundred, now).allowed);
  EXPECT_TRUE(limiter.take(limiter.key_of("key", "a"), kHundred, now).allowed);
  now += kSecond;  // refused requests have cost nothing
  EXPECT_TRUE(limiter.look(key, kHundred, now).allowed);
  EXPECT_TRUE(limiter.take(key, kHundred, now).allowed);
  EXPECT_FALSE(limiter.take(key, kHundred, now).allowed);
  now += 60 * kSecond;
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(limiter.take(key, kHundred, now).allowed) << i;
  EXPECT_FALSE(limiter.take(key, kHundred, now).allowed);
}

TEST(RateLimiter, ZeroIsAnyNumber) {
  RateLimiter limiter(8);
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(limiter.take(1, {}, 0).allowed);
}

TEST(RateLimiter, SlowRatesTellWhenToComeBack) {
  RateLimiter limiter(8);
  const Rate hourly{.requests = 1, .window_s = 3'600};
  EXPECT_TRUE(limiter.take(1, hourly, 0).allowed);
  EXPECT_EQ(limiter.take(1, hourly, 0).retry_after_s, 3'600u);
  EXPECT_EQ(limiter.take(1, hourly, 3'599 * kSecond).retry_after_s, 1u);
  EXPECT_TRUE(limiter.take(1, hourly, 3'600 * kSecond).allowed);
}

TEST(RateLimiter, AMillionAddressesDoNotFreeWhoWasRefused) {
  RateLimiter limiter(65'536);
  const std::size_t size = limiter.buckets();
  const std::uint64_t loud = limiter.key_of("client", "loud");
  std::int64_t now = kSecond;
  while (limiter.take(loud, kHundred, now).allowed) {
  }
  std::uint64_t refused = 0;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    const std::uint64_t key = limiter.key_of("client", std::to_string(i));
    if (!limiter.take(key, kHundred, now + i).allowed) ++refused;
  }
  EXPECT_EQ(refused, 0u);
  EXPECT_EQ(limiter.buckets(), size);
  EXPECT_GT(limiter.forgotten(), 900'000u);
  EXPECT_FALSE(limiter.look(loud, kHundred, now).allowed);
}

TEST(RateLimiter, CoresShareABucket) {
  RateLimiter limiter(64);
  const std::uint64_t key = limiter.key_of("client", "a");
  std::atomic<int> allowed{0};
  limiter.take(key, kHundred, 0);  // so that they do not both make it
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      for (int i = 0; i < 1'000; ++i) {
        if (limiter.take(key, kHundred, 0).allowed) ++allowed;
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_EQ(allowed, 99);
}

}  // namespace
}  // namespace ringcast
