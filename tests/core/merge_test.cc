// Composed subscriptions, on real sockets and cores: several topics, patterns, filters.
#include "core/merge.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/core/blocks.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

Subscription to_topics(std::vector<std::string> topics) {
  Subscription subscription;
  subscription.topics = std::move(topics);
  subscription.head = kHead;
  return subscription;
}

Subscription to_pattern(std::string pattern) {
  Subscription subscription;
  subscription.patterns = {std::move(pattern)};
  subscription.head = kHead;
  return subscription;
}

Subscription only_types(Subscription subscription, std::vector<std::string> types) {
  subscription.types = std::move(types);
  return subscription;
}

void expect_head(Client& client) { EXPECT_EQ(client.read_block(), kHead); }

TEST(Merge, TopicAndPositionFollowTheEvent) {
  Cluster cluster({});
  Client client = cluster.subscribe(0, to_topics({"a", "b"}));
  expect_head(client);
  cluster.publish(0, "a", "1", "tick");
  EXPECT_EQ(client.read_block(), "id: e-2\nevent: tick\ndata: 1\ntopic: a\nid: e-2\n\n");
  cluster.publish(0, "b", "2");
  EXPECT_EQ(client.read_block(), "id: e-3\ndata: 2\ntopic: b\nid: e-3\n\n");
}

TEST(Merge, IdsName_mt_APositionForEachHome) {
  Cluster cluster({.cores = 2});
  const std::string first = cluster.topic_at(0);
  const std::string second = cluster.topic_at(1);
  Client client = cluster.subscribe(0, to_topics({first, second}));
  expect_head(client);
  EXPECT_EQ(cluster.publish(0, first, "1"), "e-4");
  EXPECT_EQ(client.read_block(), "id: e-4\ndata: 1\ntopic: " + first + "\nid: e-4-3\n\n");
  EXPECT_EQ(cluster.publish(0, second, "2"), "e-5");
  EXPECT_EQ(client.read_block(), "id: e-5\ndata: 2\ntopic: " + second + "\nid: e-4-5\n\n");
}

TEST(Merge, ResumesExactly_mt_WhereverItBreaksOff) {
  Cluster cluster({.cores = 2});
  std::vector<std::string> topics;
  for (unsigned home = 0; home < 2; ++home) {
    topics.push_back(cluster.topic_at(home, "x"));
    topics.push_back(cluster.topic_at(home, "y"));
  }
  constexpr int kEvents = 400;
  std::map<std::string, int> next;
  std::string last;
  {
    Client client = cluster.subscribe(0, to_topics(topics));
    expect_head(client);
    cluster.publish(0, topics[0], "0");
    last = read_parsed(client).id;
    next[topics[0]] = 1;
  }
  std::thread publisher([&] {
    for (int i = 1; i < kEvents; ++i) {
      const std::string& topic = topics[static_cast<std::size_t>(i) % topics.size()];
      const int number = i / static_cast<int>(topics.size());
      cluster.publish(static_cast<unsigned>(i % 2), topic, std::to_string(number));
    }
  });
  int got = 1;
  for (unsigned round = 0; got < kEvents; ++round) {
    Client client = cluster.subscribe(round % 2, after(to_topics(topics), last));
    expect_head(client);
    for (unsigned i = 0; i < 1 + round % 17 && got < kEvents; ++i, ++got) {
      const Block block = read_parsed(client);
      ASSERT_NE(block.event, "gap") << block.data;
      ASSERT_EQ(block.data, std::to_string(next[block.topic]++)) << block.topic;
      last = block.id;
    }
    if (round % 2 == 0) client.reset();
  }
  publisher.join();
  for (const std::string& topic : topics) EXPECT_EQ(next[topic], kEvents / 4) << topic;
}

TEST(Merge, EarliestGivesAllHistoriesByNumber) {
  Cluster cluster({});
  cluster.publish(0, "a", "1");
  cluster.publish(0, "b", "2");
  cluster.publish(0, "c", "not ours");
  cluster.publish(0, "a", "3");
  Client client = cluster.subscribe(0, from_earliest(to_topics({"a", "b"})));
  expect_head(client);
  for (const char* data : {"1", "2", "3"}) EXPECT_EQ(read_parsed(client).data, data);
  EXPECT_TRUE(client.quiet(30));
}

TEST(Merge, FilterByType) {
  Cluster cluster({});
  Client client = cluster.subscribe(0, only_types(to_topics({"t"}), {"yes", "message"}));
  expect_head(client);
  cluster.publish(0, "t", "1", "no");
  cluster.publish(0, "t", "2", "yes");
  cluster.publish(0, "t", "3", "yesterday");
  cluster.publish(0, "t", "4");  // the default type is `message`
  EXPECT_EQ(client.read_block(), "id: e-3\nevent: yes\ndata: 2\n\n");
  EXPECT_EQ(client.read_block(), "id: e-5\ndata: 4\n\n");
  EXPECT_TRUE(client.quiet(30));
}

TEST(Merge, AHeartbeatMovesAFilteredClientOn) {
  HubOptions hub;
  hub.heartbeat_ms = 150;
  Cluster cluster({.hub = hub});
  Client client = cluster.subscribe(0, only_types(to_topics({"t"}), {"rare"}));
  expect_head(client);
  for (int i = 0; i < 5; ++i) cluster.publish(0, "t", "x", "frequent");
  EXPECT_EQ(client.read_block(), "id: e-6\n\n");
  EXPECT_EQ(client.read_block(), kHeartbeat);
  // From there nothing is read again.
  Client resumed = cluster.subscribe(0, after(only_types(to_topics({"t"}), {"rare"}), "e-6"));
  expect_head(resumed);
  cluster.publish(0, "t", "y", "rare");
  EXPECT_EQ(read_parsed(resumed).id, "e-7");
  EXPECT_EQ(client.read_through("data: y\n\n").find("gap"), std::string::npos);
}

TEST(Merge, PatternsPickUp_mt_TopicsThatComeLater) {
  Cluster cluster({.cores = 2});
  const std::string old_topic = cluster.topic_at(1, "jobs.old");
  cluster.publish(0, old_topic, "before");
  Client client = cluster.subscribe(0, to_pattern("jobs.*"));
  expect_head(client);
  cluster.publish(0, old_topic, "1");
  Block block = read_parsed(client);
  EXPECT_EQ(block.topic, old_topic);
  EXPECT_EQ(block.data, "1");
  for (unsigned home = 0; home < 2; ++home) {
    const std::string topic = cluster.topic_at(home, "jobs.new");
    cluster.publish(1, "elsewhere." + topic, "no");
    for (const char* data : {"first", "second"}) {  // the first one creates it
      cluster.publish(1, topic, data);
      block = read_parsed(client);
      EXPECT_EQ(block.topic, topic);
      EXPECT_EQ(block.data, data);
    }
  }
  EXPECT_TRUE(client.quiet(30));
  const std::string last = block.id;
  client.close();
  // What was created while it was away is no gap either.
  const std::string away = cluster.topic_at(0, "jobs.away");
  cluster.publish(0, away, "missed");
  Client again = cluster.subscribe(1, after(to_pattern("jobs.*"), last));
  expect_head(again);
  block = read_parsed(again);
  EXPECT_EQ(block.topic, away);
  EXPECT_EQ(block.data, "missed");
  EXPECT_TRUE(again.quiet(30));
}

TEST(Merge, PatternsAreForgottenWithTheirLastSubscriber) {
  HubOptions hub;
  hub.view_linger_ms = 1;
  Cluster cluster({.hub = hub});
  {
    Client one = cluster.subscribe(0, to_pattern("w.*"));
    Client two = cluster.subscribe(0, to_pattern("w.*"));
    one.close();
    EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 1; }));
    expect_head(two);
    cluster.publish(0, "w.1", "a");
    EXPECT_EQ(read_parsed(two).data, "a");
  }
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 0; }));
  cluster.on(0, [](Shard&) {});  // another turn, in which the news travels
  cluster.publish(0, "w.2", "b");
  cluster.on(0, [](Shard& shard) { EXPECT_TRUE(shard.topics()->find("w.2")->links.empty()); });
}

TEST(Merge, AGapInOneOfSeveralTopics) {
  TopicRules small;
  small.events = 2;
  auto rules = std::make_shared<TopicRulesTable>();
  rules->by_pattern.emplace_back("small*", small);
  Cluster cluster({.table = {.rules = rules}});
  Client first = cluster.subscribe(0, to_topics({"small", "large"}));
  expect_head(first);
  cluster.publish(0, "small", "s0");
  const std::string last = read_parsed(first).id;
  first.close();
  for (int i = 1; i <= 4; ++i) {
    cluster.publish(0, "small", "s" + std::to_string(i));
    cluster.publish(0, "large", "l" + std::to_string(i));
  }
  Client client = cluster.subscribe(0, after(to_topics({"small", "large"}), last));
  expect_head(client);
  const Block gap = read_parsed(client);
  EXPECT_EQ(gap.event, "gap");
  EXPECT_EQ(gap.data, R"({"requested":"e-2","earliest":"e-7","reason":"evicted","topic":"small"})");
  std::vector<std::string> got;
  for (int i = 0; i < 6; ++i) got.push_back(read_parsed(client).data);
  EXPECT_EQ(got, (std::vector<std::string>{"l1", "l2", "s3", "l3", "s4", "l4"}));
}

TEST(Merge, LaggingInOneTopicIsToldForThatTopic) {
  TopicRules rules;
  rules.bytes = 64 << 10;
  auto table = std::make_shared<TopicRulesTable>();
  table->defaults = rules;
  Cluster cluster({.table = {.rules = table}});
  Client client = cluster.subscribe(0, to_topics({"loud", "calm"}), 4096);
  cluster.publish(0, "calm", "c1");
  for (int i = 0; i < 600; ++i) cluster.publish(0, "loud", std::string(4000, 'x'));
  cluster.publish(0, "calm", "c2");
  expect_head(client);
  std::vector<std::string> calm;
  std::uint64_t last_loud = 0;
  std::string gap;
  while (calm.size() < 2) {
    const Block block = read_parsed(client);
    ASSERT_FALSE(block.id.empty());
    if (block.event == "gap") {
      gap = block.id;
      EXPECT_NE(block.data.find("\"reason\":\"lagged\",\"topic\":\"loud\""), std::string::npos);
    } else if (block.topic == "calm") {
      calm.push_back(block.data);
    } else {
      EXPECT_GT(block.number(), last_loud);
      last_loud = block.number();
    }
  }
  EXPECT_FALSE(gap.empty());
  EXPECT_EQ(calm, (std::vector<std::string>{"c1", "c2"}));
  EXPECT_EQ(last_loud, 602U);
  // Whoever breaks off right behind the gap is not told of it again: only of what went since, where
  // the socket took enough for the gap to come before the last event.
  client.close();
  Client again = cluster.subscribe(0, after(to_topics({"loud", "calm"}), gap));
  expect_head(again);
  Block next = read_parsed(again);
  if (next.event == "gap") {
    EXPECT_NE(next.id, gap);
    next = read_parsed(again);
  }
  EXPECT_EQ(next.topic, "loud");
}

// A table in which `short.*` keeps events for a millisecond.
TopicTableOptions short_lived() {
  TopicRules brief;
  brief.age_ms = 1;
  auto rules = std::make_shared<TopicRulesTable>();
  rules->by_pattern.emplace_back("short.*", brief);
  return {.rules = rules};
}

TEST(Merge, PatternsTellOfTopicsThatWentMeanwhile) {
  HubOptions hub;
  hub.view_linger_ms = 1;
  Cluster cluster({.hub = hub, .table = short_lived()});
  for (const char* pattern : {"short.*", "long.*"}) {
    Client first = cluster.subscribe(0, to_pattern(pattern));
    expect_head(first);
    const std::string topic = std::string(pattern).replace(std::string(pattern).size() - 1, 1, "a");
    cluster.publish(0, topic, "seen");
    const std::string last = read_parsed(first).id;
    first.close();
    EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 0; }));
    cluster.publish(0, "short.b", "missed");
    EXPECT_TRUE(cluster.wait_for(
        0, [](Shard& shard) { return shard.topics()->find("short.b") == nullptr; }));
    Client again = cluster.subscribe(0, after(to_pattern(pattern), last));
    expect_head(again);
    if (std::string_view(pattern) == "long.*") {
      EXPECT_TRUE(again.quiet(20));  // what went was nothing of this subscriber's
      continue;
    }
    const Block gap = read_parsed(again);
    EXPECT_EQ(gap.event, "gap");
    EXPECT_EQ(gap.data, R"({"requested":")" + last +
                            R"(","earliest":null,"reason":"evicted","topic":"short.*"})");
    again.close();
    Client third = cluster.subscribe(0, after(to_pattern(pattern), gap.id));
    expect_head(third);
    EXPECT_TRUE(third.quiet(20));  // told once
  }
}

TEST(Merge, ATopicThatIsNewIsNoGapBecauseAnotherWent) {
  HubOptions hub;
  hub.view_linger_ms = 1;
  Cluster cluster({.hub = hub, .table = short_lived()});
  const std::string last = cluster.publish(0, "long.a", "seen");
  cluster.publish(0, "short.a", "gone soon");
  EXPECT_TRUE(
      cluster.wait_for(0, [](Shard& shard) { return shard.topics()->find("short.a") == nullptr; }));
  cluster.publish(0, "long.b", "new");
  Client client = cluster.subscribe(0, after(to_topics({"long.a", "long.b"}), last));
  expect_head(client);
  EXPECT_EQ(read_parsed(client).data, "new");
}

TEST(Merge, PatternsThatReachTooMuchAreRefused) {
  HubOptions hub;
  hub.max_pattern_topics = 3;
  Cluster cluster({.hub = hub});
  for (int i = 0; i < 4; ++i) cluster.publish(0, "m." + std::to_string(i), "x");
  TcpPair pair = tcp_pair();
  const auto joined = cluster.await<Result<void>>(0, [&](Shard& shard) {
    return shard.subscribe(Descriptor::ordinary(pair.server), to_pattern("m.*"));
  });
  ASSERT_FALSE(joined);
  EXPECT_EQ(joined.error().code, "too_many_topics");
  pair.client.send("x");  // the socket is still the caller's
  char byte = 0;
  EXPECT_EQ(recv(pair.server, &byte, 1, 0), 1);
  ::close(pair.server);
}

TEST(Merge, DrainSaysFarewellAfterEverything) {
  Cluster cluster({});
  Client client = cluster.subscribe(0, to_topics({"a", "b"}));
  for (int i = 0; i < 50; ++i) cluster.publish(0, i % 2 == 0 ? "a" : "b", std::to_string(i));
  cluster.on(0, [](Shard& shard) { shard.hub().drain(); });
  expect_head(client);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(read_parsed(client).data, std::to_string(i));
  EXPECT_FALSE(read_parsed(client).retry.empty());
  EXPECT_EQ(client.read_to_end(), "");
}

}  // namespace
}  // namespace ringcast
