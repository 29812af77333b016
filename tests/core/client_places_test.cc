#include "core/client_places.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace ringcast {
namespace {

ClientPlaces::Key key(std::uint32_t number) {
  ClientPlaces::Key key{};
  std::memcpy(key.data() + 12, &number, sizeof number);
  return key;
}

TEST(ClientPlaces, EachClientHasItsOwnAndGivesThemBack) {
  ClientPlaces places;
  std::vector<ClientPlaces::Place> mine;
  for (int i = 0; i < 3; ++i) {
    mine.push_back(places.take(key(1), 3));
    ASSERT_NE(mine.back(), nullptr);
  }
  EXPECT_EQ(places.take(key(1), 3), nullptr);
  EXPECT_NE(places.take(key(2), 3), nullptr);
  EXPECT_EQ(places.held(key(1)), 3u);
  EXPECT_EQ(places.clients(), 1u);
  mine.pop_back();
  EXPECT_EQ(places.held(key(1)), 2u);
  ClientPlaces::Place moved = std::move(mine.back());
  mine.clear();
  EXPECT_EQ(places.held(key(1)), 1u);
  moved.reset();
  EXPECT_EQ(places.clients(), 0u);
}

TEST(ClientPlaces, NoneAreNoneAndLeaveNothing) {
  ClientPlaces places;
  EXPECT_EQ(places.take(key(1), 0), nullptr);
  EXPECT_EQ(places.clients(), 0u);
}

TEST(ClientPlaces, ManyClientsLeaveNothing) {
  ClientPlaces places;
  {
    std::vector<ClientPlaces::Place> all;
    for (std::uint32_t i = 0; i < 100'000; ++i) all.push_back(places.take(key(i), 1));
    EXPECT_EQ(places.clients(), 100'000u);
  }
  EXPECT_EQ(places.clients(), 0u);
}

TEST(ClientPlaces, CoresCountTogether) {
  ClientPlaces places;
  std::atomic<int> most{0};
  std::atomic<int> now{0};
  std::vector<std::thread> cores;
  for (int core = 0; core < 4; ++core) {
    cores.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        const ClientPlaces::Place place = places.take(key(7), 2);
        if (place == nullptr) continue;
        const int held = ++now;
        int seen = most;
        while (seen < held && !most.compare_exchange_weak(seen, held)) {
        }
        --now;
      }
    });
  }
  for (std::thread& core : cores) core.join();
  EXPECT_LE(most, 2);
  EXPECT_EQ(places.clients(), 0u);
}

}  // namespace
}  // namespace ringcast
