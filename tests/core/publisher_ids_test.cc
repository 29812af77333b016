#include "core/publisher_ids.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace ringcast {
namespace {

TEST(PublisherIds, CostsNothingUntilUsed) {
  const PublisherIds ids;
  EXPECT_EQ(ids.allocated_bytes(), 0U);
  EXPECT_EQ(ids.find("a", 1), 0U);
}

TEST(PublisherIds, FindsWhatIsStillInTheHistory) {
  PublisherIds ids;
  ids.insert("a", 10, 1);
  ids.insert("b", 11, 1);
  EXPECT_EQ(ids.find("a", 1), 10U);
  EXPECT_EQ(ids.find("a", 10), 10U);
  EXPECT_EQ(ids.find("a", 11), 0U);  // its event is gone
  EXPECT_EQ(ids.find("b", 11), 11U);
  EXPECT_EQ(ids.find("c", 1), 0U);
}

TEST(PublisherIds, AnIdThatWentCanComeAgain) {
  PublisherIds ids;
  ids.insert("a", 10, 1);
  ids.insert("a", 20, 15);
  EXPECT_EQ(ids.find("a", 15), 20U);
  EXPECT_EQ(ids.find("a", 21), 0U);
}

TEST(PublisherIds, MatchesAMapWithEviction) {
  std::mt19937_64 random(4);
  for (int run = 0; run < 20; ++run) {
    PublisherIds ids;
    std::map<std::string, std::uint64_t> model;
    std::uint64_t number = 1;
    std::uint64_t first = 1;
    const std::uint64_t keys = 10 + random() % 3000;
    const std::uint64_t history = 1 + random() % 1000;
    for (int step = 0; step < 10'000; ++step) {
      const std::string key = "key-" + std::to_string(random() % keys);
      const auto found = model.find(key);
      const std::uint64_t expected =
          found != model.end() && found->second >= first ? found->second : 0;
      ASSERT_EQ(ids.find(key, first), expected) << key;
      if (expected != 0) continue;
      number += 1 + random() % 3;
      ids.insert(key, number, first);
      model[key] = number;
      if (number > history) first = std::max(first, number - history);
    }
  }
}

TEST(PublisherIds, MemoryFollowsTheHistoryNotWhatEverCame) {
  PublisherIds ids;
  for (std::uint64_t number = 1; number <= 200'000; ++number) {
    const std::uint64_t first = number > 100 ? number - 100 : 1;
    ids.insert("k" + std::to_string(number), number, first);
  }
  EXPECT_LE(ids.allocated_bytes(), 24U * 1024);
  EXPECT_EQ(ids.find("k200000", 199'901), 200'000U);
}

}  // namespace
}  // namespace ringcast
