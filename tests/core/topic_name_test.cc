#include "core/topic_name.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace ringcast {
namespace {

bool naive_match(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern.front() == '*') {
    for (std::size_t skip = 0; skip <= name.size(); ++skip) {
      if (naive_match(pattern.substr(1), name.substr(skip))) return true;
    }
    return false;
  }
  return !name.empty() && pattern.front() == name.front() &&
         naive_match(pattern.substr(1), name.substr(1));
}

TEST(TopicName, Names) {
  for (const std::string_view name :
       {"a", "progress.42", "a/b:c@d~e+f=g_h-i.j", "0", "\xc3\xa4.\xe2\x82\xac"}) {
    EXPECT_TRUE(is_topic_name(name)) << name;
  }
  for (const std::string_view name :
       {"", "a b", "a*", "*", "a?", "a#", "a%", "a\"", "a'", "a\\", "a\n", "a\x7f", "a,b", "a&b",
        "a<b", "a|b", "a(b)", "a;b", "a\t"}) {
    EXPECT_FALSE(is_topic_name(name)) << name;
  }
  EXPECT_FALSE(is_topic_name(std::string_view("\0", 1)));
  EXPECT_TRUE(is_topic_name(std::string(kMostTopicBytes, 'x')));
  EXPECT_FALSE(is_topic_name(std::string(kMostTopicBytes + 1, 'x')));
}

TEST(TopicName, Patterns) {
  EXPECT_TRUE(is_topic_pattern("*"));
  EXPECT_TRUE(is_topic_pattern("a.*.b*"));
  EXPECT_TRUE(is_topic_pattern("**"));
  EXPECT_FALSE(is_topic_pattern("a"));
  EXPECT_FALSE(is_topic_pattern(""));
  EXPECT_FALSE(is_topic_pattern("a *"));
  EXPECT_FALSE(is_topic_pattern("?*"));
  EXPECT_FALSE(is_topic_pattern(std::string(kMostTopicBytes, 'x') + "*"));
}

TEST(TopicName, MatchesAsTheNaiveMatcherDoes) {
  std::mt19937 random(3);
  int matched = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string pattern;
    std::string name;
    for (auto n = random() % 8; n > 0; --n) pattern += "ab*"[random() % 3];
    for (auto n = random() % 9; n > 0; --n) name += "ab"[random() % 2];
    const bool expected = naive_match(pattern, name);
    matched += expected ? 1 : 0;
    ASSERT_EQ(topic_matches(pattern, name), expected) << pattern << " ~ " << name;
  }
  EXPECT_GT(matched, 10'000);
}

TEST(TopicName, ManyStarsAreNotExponential) {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "a*";
  pattern += "b";
  const std::string name(kMostTopicBytes, 'a');
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(topic_matches(pattern, name));
}

TEST(TopicName, HashIsTheSameInEveryProcess) {
  EXPECT_EQ(topic_hash("metrics"), topic_hash(std::string("met") + "rics"));
  EXPECT_NE(topic_hash("a"), topic_hash("b"));
  // A constant: homes must not move when the program is built again.
  EXPECT_EQ(topic_hash(""), 0xefd01f60ba992926U);
}

TEST(TopicName, HomesAreSpreadEvenly) {
  for (unsigned homes = 1; homes <= 8; ++homes) {
    std::map<unsigned, int> count;
    for (int i = 0; i < 8000; ++i) {
      ++count[topic_home(topic_hash("progress." + std::to_string(i)), homes)];
    }
    EXPECT_EQ(count.size(), homes);
    for (const auto& [home, topics] : count) {
      EXPECT_LT(home, homes);
      EXPECT_NEAR(topics, 8000.0 / homes, 8000.0 / homes * 0.2);
    }
  }
}

}  // namespace
}  // namespace ringcast
