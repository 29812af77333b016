// Publishing, and what keeps a home's memory bounded.
#include "core/topic_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "core/topic_listing.h"
#include "tests/core/blocks.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

TopicTableOptions history(const TopicRules& rules) {
  auto table = std::make_shared<TopicRulesTable>();
  table->defaults = rules;
  return {.rules = std::move(table)};
}

Result<void> publish_batch(Cluster& cluster, unsigned core, std::vector<BatchEvent>& events) {
  return cluster.await<Result<void>>(core,
                                     [&](Shard& shard) { return shard.publish_batch(events); });
}

Task<std::vector<TopicInfo>> all_topics(Shard& shard) {
  std::vector<TopicInfo> all;
  TopicListing listing(shard);
  for (auto some = co_await listing.next(); !some.empty(); some = co_await listing.next()) {
    EXPECT_LE(some.size(), TopicListing::kPortion);
    std::ranges::move(some, std::back_inserter(all));
  }
  co_return all;
}

std::vector<TopicInfo> describe(Cluster& cluster, unsigned core) {
  return cluster.await<std::vector<TopicInfo>>(core, all_topics);
}

TEST(TopicTable, RulesAreThoseOfTheFirstPatternThatMatches) {
  TopicRulesTable table;
  table.defaults.events = 1;
  table.by_pattern.emplace_back("a.b", TopicRules{.events = 2});
  table.by_pattern.emplace_back("a.*", TopicRules{.events = 3});
  table.by_pattern.emplace_back("*", TopicRules{.events = 4});
  EXPECT_EQ(table.of("a.b").events, 2U);
  EXPECT_EQ(table.of("a.c").events, 3U);
  EXPECT_EQ(table.of("x").events, 4U);
  table.by_pattern.pop_back();
  EXPECT_EQ(table.of("x").events, 1U);
}

TEST(TopicTable, NumbersOfEachHome_mt_GrowOverAllItsTopics) {
  Cluster cluster({.cores = 2});
  const std::string topics[] = {cluster.topic_at(0), cluster.topic_at(1)};
  EXPECT_EQ(cluster.publish(0, topics[0], "x"), "e-4");
  EXPECT_EQ(cluster.publish(1, topics[0], "x"), "e-6");
  EXPECT_EQ(cluster.publish(0, topics[1], "x"), "e-5");
  EXPECT_EQ(cluster.publish(0, cluster.topic_at(0, "other"), "x"), "e-8");
}

TEST(TopicTable, TheSameKeyIsStoredOnce) {
  Cluster cluster({.table = history({.events = 2})});
  EXPECT_EQ(cluster.publish(0, "t", "a", "", "k"), "e-2");
  EXPECT_EQ(cluster.publish(0, "t", "again", "", "k"), "e-2");
  EXPECT_EQ(cluster.publish(0, "u", "elsewhere", "", "k"), "e-3");
  cluster.publish(0, "t", "b");
  cluster.publish(0, "t", "c");
  EXPECT_EQ(cluster.publish(0, "t", "new", "", "k"), "e-6");  // its event had left
  cluster.on(0, [](Shard& shard) {
    EXPECT_EQ(shard.topics()->counters.duplicates.get(), 1U);
    EXPECT_EQ(shard.topics()->counters.published.get(), 5U);
  });
}

TEST(TopicTable, TopicLimit_mt_IsForAllHomesTogether) {
  Cluster cluster({.cores = 2, .table = {.max_topics = 2, .max_awaited_topics = 1}});
  const std::string first = cluster.topic_at(0);
  cluster.publish(0, first, "x");
  cluster.publish(0, cluster.topic_at(1), "x");
  EXPECT_EQ(cluster.publish(0, cluster.topic_at(0, "more"), "x"), "topic_limit");
  EXPECT_EQ(cluster.publish(1, cluster.topic_at(1, "more"), "x"), "topic_limit");
  EXPECT_EQ(cluster.publish(1, first, "x"), "e-6");
  // Who only waits for a topic takes no publisher's place, and there is a limit for that as well.
  Client waiting = cluster.subscribe(0, to_topic("awaited"));
  TcpPair pair = tcp_pair();
  const auto joined = cluster.await<Result<void>>(0, [&](Shard& shard) {
    return shard.subscribe(Descriptor::ordinary(pair.server), to_topic("yet-another"));
  });
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, "topic_limit");
  ::close(pair.server);
}

TEST(TopicTable, ABatch_mt_IsNumberedInItsOrder) {
  Cluster cluster({.cores = 2});
  const std::string a = cluster.topic_at(0);
  const std::string b = cluster.topic_at(1);
  std::vector<BatchEvent> events;
  for (int i = 0; i < 6; ++i) {
    events.push_back({i % 2 == 0 ? a : b, {.type = {}, .data = "x", .key = {}}});
  }
  EXPECT_TRUE(publish_batch(cluster, 1, events));
  std::vector<std::uint64_t> numbers;
  for (const BatchEvent& event : events) numbers.push_back(event.number);
  EXPECT_EQ(numbers, (std::vector<std::uint64_t>{4, 5, 6, 7, 8, 9}));
}

TEST(TopicTable, ABatchThatCannotGoWholly_mt_DoesNotGoAtAll) {
  Cluster cluster({.cores = 2, .table = {.max_topics = 3}});
  const std::string a = cluster.topic_at(0, "a");
  const std::string b = cluster.topic_at(1, "b");
  cluster.publish(0, a, "x");
  std::vector<BatchEvent> events;
  const std::string names[] = {a, b, cluster.topic_at(0, "c"), cluster.topic_at(1, "d"), b};
  for (const std::string& name : names) {
    events.push_back({name, {.type = {}, .data = "x", .key = {}}});
  }
  const auto published = publish_batch(cluster, 0, events);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, "topic_limit");
  for (const BatchEvent& event : events) EXPECT_EQ(event.number, 0U);
  // What was created for it is empty, held by nobody, and goes.
  for (unsigned home = 0; home < 2; ++home) {
    EXPECT_TRUE(cluster.wait_for(home, [&](Shard& shard) {
      return shard.topics()->counters.topics.get() == (home == 0 ? 1U : 0U);
    }));
  }
  const auto topics = describe(cluster, 1);
  ASSERT_EQ(topics.size(), 1U);
  EXPECT_EQ(topics[0].events, 1U);
  EXPECT_EQ(cluster.fabric().topics, 1U);
}

TEST(TopicTable, Describe_mt_CountsEventsBytesAndSubscribers) {
  Cluster cluster({.cores = 2});
  const std::string a = cluster.topic_at(0, "a");
  const std::string b = cluster.topic_at(1, "b");
  cluster.publish(0, a, "x");
  cluster.publish(0, a, "y");
  Client one = cluster.subscribe(0, to_topic(b));
  Client two = cluster.subscribe(1, to_topic(b));
  const auto topics = describe(cluster, 0);
  ASSERT_EQ(topics.size(), 2U);
  EXPECT_EQ(topics[0].name, a);
  EXPECT_EQ(topics[0].events, 2U);
  EXPECT_EQ(topics[0].bytes, 2 * std::string("id: e-4\ndata: x\n\n").size());
  EXPECT_EQ(topics[0].first_number, 4U);
  EXPECT_EQ(topics[0].last_number, 6U);
  EXPECT_EQ(topics[0].subscribers, 0U);
  EXPECT_EQ(topics[1].events, 0U);
  EXPECT_EQ(topics[1].first_number, 0U);
  EXPECT_EQ(topics[1].last_number, 0U);
  EXPECT_EQ(topics[1].subscribers, 2U);
}

TEST(TopicTable, ListingHasAllOfManyTopicsByName_mt) {
  Cluster cluster({.cores = 2});
  std::vector<std::string> names;
  for (int n = 0; n < 1500; ++n) names.push_back(fmt::format("many.{:04}", n * 7 % 1500));
  for (const std::string& name : names) cluster.publish(0, name, "x");
  std::ranges::sort(names);
  const auto topics = describe(cluster, 1);
  ASSERT_EQ(topics.size(), names.size());
  for (std::size_t n = 0; n < names.size(); ++n) EXPECT_EQ(topics[n].name, names[n]);
}

// 400 topics without events, which maintain() takes away, and behind them 800 that stay.
void fill_with_gaps_to_be(TopicTable& table) {
  for (int n = 0; n < 400; ++n) (void)table.find_or_create(fmt::format("goes.{}", n));
  for (int n = 0; n < 800; ++n) {
    (void)table.publish(**table.find_to_publish(fmt::format("stays.{}", n)),
                        {.type = {}, .data = "x", .key = {}});
  }
}

std::size_t that_stay(const std::vector<TopicInfo>& topics) {
  return static_cast<std::size_t>(std::ranges::count_if(
      topics, [](const TopicInfo& topic) { return topic.name.starts_with("stays."); }));
}

TEST(TopicTable, DescribingPassesAllThatStayWhileOthersGo) {
  Cluster cluster({});
  std::vector<TopicInfo> seen;
  cluster.await<bool>(0, [&seen](Shard& shard) -> Task<bool> {
    fill_with_gaps_to_be(*shard.topics());
    for (std::size_t before = SIZE_MAX; before != 0;) {
      shard.topics()->describe(before, 50, seen);
      shard.topics()->maintain();
    }
    EXPECT_EQ(shard.topics()->counters.topics.get(), 800U);
    co_return true;
  });
  EXPECT_GT(that_stay(seen), 800U);  // they were moved into the gaps, and some were seen twice
  std::set<std::string> names;
  for (const TopicInfo& topic : seen) names.insert(topic.name);
  EXPECT_EQ(std::ranges::count_if(names, [](const auto& name) { return name[0] == 's'; }), 800);
}

TEST(TopicTable, ListingHasEachThatStaysOnceWhileOthersGo) {
  Cluster cluster({});
  const auto topics =
      cluster.await<std::vector<TopicInfo>>(0, [](Shard& shard) -> Task<std::vector<TopicInfo>> {
        fill_with_gaps_to_be(*shard.topics());
        shard.reactor().spawn([](Shard* of) -> Task<void> {
          for (int n = 0; n < 10; ++n) {
            of->topics()->maintain();
            co_await NextTurn{of->reactor()};
          }
        }(&shard));
        co_return co_await all_topics(shard);
      });
  EXPECT_EQ(that_stay(topics), 800U);
  for (std::size_t n = 1; n < topics.size(); ++n) EXPECT_LT(topics[n - 1].name, topics[n].name);
}

TEST(TopicTable, MemoryIsBoundedAndTheLongestUnpublishedPayFirst) {
  TopicTableOptions options = history({.bytes = 1 << 20});
  options.memory_bytes = 512 << 10;
  Cluster cluster({.table = options});
  const std::string data(2000, 'x');
  const auto events = [&](std::string_view topic) {
    return cluster.await<std::uint64_t>(0, [topic](Shard& shard) -> Task<std::uint64_t> {
      co_return shard.topics()->find(topic)->events();
    });
  };
  cluster.publish(0, "last", "x");
  for (int i = 0; i < 50; ++i) cluster.publish(0, "old", data);
  for (int i = 0; i < 50; ++i) cluster.publish(0, "new", data);
  // Those that grow have one event each, and nothing to pay with.
  int single = 0;
  while (events("old") == 50 && single < 300) {
    cluster.publish(0, "t" + std::to_string(single++), data);
  }
  EXPECT_LT(events("old"), 50U);
  EXPECT_EQ(events("new"), 50U);
  EXPECT_EQ(events("last"), 1U);
  // One that grows with something to pay pays itself.
  const std::uint64_t left = events("old");
  for (int i = 0; i < 100; ++i) cluster.publish(0, "new", data);
  EXPECT_LT(events("new"), 150U);
  EXPECT_EQ(events("old"), left);
  cluster.on(0, [](Shard& shard) {
    shard.topics()->maintain();
    EXPECT_LE(shard.topics()->counters.allocated_bytes.get(), 512U << 10);
    EXPECT_GT(shard.topics()->counters.evicted_memory.get(), 0U);
  });
}

TEST(TopicTable, TopicsAgeOutAndComeBackWithoutAReusedNumber) {
  Cluster cluster({.table = history({.age_ms = 50})});
  EXPECT_EQ(cluster.publish(0, "t", "a"), "e-2");
  EXPECT_EQ(cluster.publish(0, "t", "b"), "e-3");
  EXPECT_TRUE(
      cluster.wait_for(0, [](Shard& shard) { return shard.topics()->find("t") == nullptr; }));
  EXPECT_EQ(cluster.fabric().topics, 0U);
  Client all_seen = cluster.subscribe(0, after(to_topic("t"), "e-3"));
  Client one_missed = cluster.subscribe(0, after(to_topic("t"), "e-2"));
  EXPECT_EQ(cluster.publish(0, "t", "c"), "e-4");
  all_seen.read_block();
  one_missed.read_block();
  EXPECT_EQ(all_seen.read_block(), "id: e-4\ndata: c\n\n");
  const Block gap = read_parsed(one_missed);
  EXPECT_EQ(gap.event, "gap");
  EXPECT_EQ(gap.id, "e-3");
  EXPECT_EQ(one_missed.read_block(), "id: e-4\ndata: c\n\n");
}

TEST(TopicTable, SubscribedTopicsStay) {
  Cluster cluster({.table = history({.age_ms = 1})});
  Client client = cluster.subscribe(0, to_topic("t"));
  client.read_block();
  cluster.publish(0, "t", "a");
  EXPECT_EQ(read_parsed(client).data, "a");
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) {
    return shard.topics()->find("t") != nullptr && shard.topics()->find("t")->events() == 0;
  }));
  EXPECT_EQ(cluster.publish(0, "t", "b"), "e-3");
  EXPECT_EQ(read_parsed(client).data, "b");
}

TEST(TopicTable, NewRulesTakeEffectOnWhatIsThere) {
  Cluster cluster({});
  for (int i = 0; i < 10; ++i) cluster.publish(0, "t", "x");
  cluster.on(0, [](Shard& shard) {
    shard.configure(HubOptions{}, history({.events = 3}));
    EXPECT_EQ(shard.topics()->find("t")->rules().events, 3U);
  });
  EXPECT_TRUE(
      cluster.wait_for(0, [](Shard& shard) { return shard.topics()->find("t")->events() == 3; }));
}

}  // namespace
}  // namespace ringcast
