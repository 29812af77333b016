// Subscribers of one topic, on real sockets and cores.
#include "core/hub.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/core/blocks.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

TopicTableOptions history(const TopicRules& rules) {
  auto table = std::make_shared<TopicRulesTable>();
  table->defaults = rules;
  return {.rules = std::move(table)};
}

std::uint64_t closed(Shard& shard, CloseReason reason) {
  return shard.hub().counters.closed[static_cast<std::size_t>(reason)].get();
}

void expect_head(Client& client) { EXPECT_EQ(client.read_block(), kHead); }

std::string gap_block(std::string_view id, std::string_view requested, std::string_view earliest,
                      std::string_view reason, std::string_view topic) {
  std::string text = "id: " + std::string(id) + "\nevent: gap\ndata: {\"requested\":\"";
  text.append(requested).append("\",\"earliest\":").append(earliest);
  text.append(",\"reason\":\"").append(reason).append("\",\"topic\":\"").append(topic);
  return text + "\"}\n\n";
}

TEST(Hub, SubscribersGetExactlyWhatWasPublished) {
  Cluster cluster({});
  Client client = cluster.subscribe(0, to_topic("t"));
  expect_head(client);
  EXPECT_EQ(cluster.publish(0, "t", "a", "tick"), "e-2");
  EXPECT_EQ(client.read_block(), "id: e-2\nevent: tick\ndata: a\n\n");
  EXPECT_EQ(cluster.publish(0, "t", "b\nc"), "e-3");
  EXPECT_EQ(client.read_block(), "id: e-3\ndata: b\ndata: c\n\n");
  cluster.publish(0, "other", "not for us");
  EXPECT_TRUE(client.quiet(50));
}

TEST(Hub, EveryCore_mt_ServesEveryHome) {
  Cluster cluster({.cores = 2});
  std::map<std::string, std::vector<Client>> clients;
  for (unsigned home = 0; home < 2; ++home) {
    const std::string topic = cluster.topic_at(home);
    for (unsigned core = 0; core < 2; ++core) {
      clients[topic].push_back(cluster.subscribe(core, to_topic(topic)));
    }
  }
  for (int i = 0; i < 100; ++i) {
    for (auto& [topic, list] : clients) {
      const std::string data = topic + "#" + std::to_string(i);
      const std::string id = cluster.publish(static_cast<unsigned>(i % 2), topic, data);
      for (Client& client : list) {
        if (i == 0) expect_head(client);
        EXPECT_EQ(client.read_block(), "id: " + id + "\ndata: " + data + "\n\n");
      }
    }
  }
}

TEST(Hub, ACoreThatIsNoHome_mt_OnlyFansOut) {
  Cluster cluster({.cores = 2, .homes = 1});
  cluster.on(1, [](Shard& shard) { EXPECT_EQ(shard.topics(), nullptr); });
  Client client = cluster.subscribe(1, to_topic("t"));
  expect_head(client);
  EXPECT_EQ(cluster.publish(1, "t", "a"), "e-2");
  EXPECT_EQ(client.read_block(), "id: e-2\ndata: a\n\n");
}

TEST(Hub, ManySubscribers_mt_AllGetAllInOrder) {
  HubOptions hub;
  hub.sends_per_round = 3;
  Cluster cluster({.cores = 2, .hub = hub});
  std::vector<Client> clients;
  for (unsigned i = 0; i < 100; ++i) clients.push_back(cluster.subscribe(i % 2, to_topic("t")));
  std::string expected(kHead);
  for (int i = 0; i < 200; ++i) {
    const std::string data = std::to_string(i);
    const std::string id = cluster.publish(static_cast<unsigned>(i % 2), "t", data);
    expected += "id: " + id + "\ndata: " + data + "\n\n";
  }
  for (Client& client : clients) ASSERT_EQ(client.read(expected.size()), expected);
}

TEST(Hub, OneSendCarriesABoundedPartOfTheHistory) {
  HubOptions hub;
  hub.send_bytes = 1000;
  Cluster cluster({.hub = hub});
  for (int i = 0; i < 100; ++i) cluster.publish(0, "t", std::string(300, 'x'));
  cluster.publish(0, "t", std::string(5000, 'y'));  // goes alone
  Client client = cluster.subscribe(0, from_earliest(to_topic("t")));
  expect_head(client);
  for (std::uint64_t number = 2; number <= 102; ++number) {
    ASSERT_EQ(read_parsed(client).number(), number);
  }
  EXPECT_TRUE(cluster.wait_for(
      0, [](Shard& shard) { return shard.hub().counters.deliveries.get() == 101; }));
  cluster.on(0, [](Shard& shard) { EXPECT_GT(shard.hub().counters.sends.get(), 30U); });
}

TEST(Hub, FromEarliestLatestAndAfterAnId) {
  Cluster cluster({});
  for (const char* data : {"a", "b", "c"}) cluster.publish(0, "t", data);
  Client earliest = cluster.subscribe(0, from_earliest(to_topic("t")));
  Client latest = cluster.subscribe(0, to_topic("t"));
  Client resumed = cluster.subscribe(0, after(to_topic("t"), "e-3"));
  Client up_to_date = cluster.subscribe(0, after(to_topic("t"), "e-4"));
  cluster.publish(0, "t", "d");
  const std::string end = "id: e-5\ndata: d\n\n";
  expect_head(earliest);
  EXPECT_EQ(earliest.read_through(end),
            "id: e-2\ndata: a\n\nid: e-3\ndata: b\n\nid: e-4\ndata: c\n\n" + end);
  expect_head(resumed);
  EXPECT_EQ(resumed.read_through(end), "id: e-4\ndata: c\n\n" + end);
  for (Client* client : {&latest, &up_to_date}) {
    expect_head(*client);
    EXPECT_EQ(client->read_through(end), end);
  }
}

TEST(Hub, GapWhenEventsWereEvicted) {
  Cluster cluster({.table = history({.events = 2})});
  for (int i = 0; i < 5; ++i) cluster.publish(0, "t", "x");
  Client client = cluster.subscribe(0, after(to_topic("t"), "e-2"));
  expect_head(client);
  EXPECT_EQ(client.read_block(), gap_block("e-4", "e-2", "\"e-5\"", "evicted", "t"));
  EXPECT_EQ(read_parsed(client).id, "e-5");
  EXPECT_EQ(read_parsed(client).id, "e-6");
  // The gap's own id is a place without a gap.
  Client again = cluster.subscribe(0, after(to_topic("t"), "e-4"));
  expect_head(again);
  EXPECT_EQ(read_parsed(again).id, "e-5");
  cluster.on(0, [](Shard& shard) {
    const auto reason = static_cast<std::size_t>(GapReason::evicted);
    EXPECT_EQ(shard.hub().counters.gaps[reason].get(), 1U);
  });
}

TEST(Hub, GapForIdsThatSayNothingHere) {
  Cluster cluster({});
  cluster.publish(0, "t", "a");
  const std::pair<std::string, std::string> cases[] = {{"e0-2", "epoch"},
                                                       {"garbage", "malformed"},
                                                       {"e-2-2", "malformed"},
                                                       {"", "malformed"},
                                                       {"e-9999", "unknown"}};
  for (const auto& [id, reason] : cases) {
    Client client = cluster.subscribe(0, after(to_topic("t"), id));
    expect_head(client);
    EXPECT_EQ(client.read_block(), gap_block("e-1", id, "\"e-2\"", reason, "t"));
    EXPECT_EQ(client.read_block(), "id: e-2\ndata: a\n\n");
  }
  Client empty = cluster.subscribe(0, after(to_topic("nothing-yet"), "e0-2"));
  expect_head(empty);
  EXPECT_EQ(empty.read_block(), gap_block("e-1", "e0-2", "null", "epoch", "nothing-yet"));
  cluster.publish(0, "nothing-yet", "a");
  EXPECT_EQ(read_parsed(empty).data, "a");
}

// Publishes much more than the sockets and the history take while the client does not read.
void overrun(Cluster& cluster, const std::string& topic) {
  for (int i = 0; i < 600; ++i) cluster.publish(0, topic, std::string(4000, 'x'));
}

TEST(Hub, ALaggingSubscriberIsToldWhatItMissed) {
  Cluster cluster({.table = history({.bytes = 64 << 10})});
  Client client = cluster.subscribe(0, to_topic("t"), 4096);
  overrun(cluster, "t");
  expect_head(client);
  std::uint64_t last = 1;
  int gaps = 0;
  std::uint64_t promised = 0;
  while (last < 601) {
    const Block block = read_parsed(client);
    ASSERT_FALSE(block.id.empty());
    if (block.event == "gap") {
      ++gaps;
      EXPECT_NE(block.data.find("\"reason\":\"lagged\""), std::string::npos);
      EXPECT_NE(block.data.find("\"requested\":\"e-" + std::to_string(last) + "\""),
                std::string::npos)
          << block.data << " after " << last;
      const std::string mark = "\"earliest\":\"e-";
      promised = std::stoull(block.data.substr(block.data.find(mark) + mark.size()));
      EXPECT_GT(promised, last + 1);
      EXPECT_EQ(block.number(), promised - 1);
      continue;
    }
    EXPECT_EQ(block.number(), std::exchange(promised, 0) != 0 ? block.number() : last + 1);
    last = block.number();
  }
  EXPECT_GE(gaps, 1);
}

TEST(Hub, ALaggingSubscriberIsClosedWhereTheTopicSaysSo) {
  Cluster cluster({.table = history({.bytes = 64 << 10, .on_lag = LagPolicy::close})});
  Client client = cluster.subscribe(0, to_topic("t"), 4096);
  overrun(cluster, "t");
  std::uint64_t last = 1;
  client.read_block();
  const std::string all = client.read_to_end();
  EXPECT_EQ(all.find("event: gap"), std::string::npos);
  EXPECT_NE(all.find("id: e-" + std::to_string(last + 1) + "\n"), std::string::npos);
  EXPECT_TRUE(
      cluster.wait_for(0, [](Shard& shard) { return closed(shard, CloseReason::lag) == 1; }));
}

TEST(Hub, ASlowReaderCostsNobodyElseAnything) {
  Cluster cluster({.table = history({.bytes = 64 << 10})});
  Client slow = cluster.subscribe(0, to_topic("t"), 4096);
  Client fast = cluster.subscribe(0, to_topic("t"));
  expect_head(fast);
  for (int i = 0; i < 600; ++i) {
    const std::string id = cluster.publish(0, "t", std::string(4000, 'x'));
    ASSERT_EQ(read_parsed(fast).id, id);
  }
}

TEST(Hub, HeartbeatsOnlyWhenIdle) {
  HubOptions hub;
  hub.heartbeat_ms = 200;
  Cluster cluster({.hub = hub});
  Client client = cluster.subscribe(0, to_topic("t"));
  expect_head(client);
  EXPECT_EQ(client.read_block(), kHeartbeat);
  EXPECT_EQ(client.read_block(), kHeartbeat);
  cluster.publish(0, "t", "a");
  EXPECT_EQ(client.read_block(), "id: e-2\ndata: a\n\n");
  EXPECT_EQ(client.read_block(), kHeartbeat);
}

TEST(Hub, NoHeartbeatsAtZero) {
  HubOptions hub;
  hub.heartbeat_ms = 0;
  Cluster cluster({.hub = hub});
  Client client = cluster.subscribe(0, to_topic("t"));
  expect_head(client);
  EXPECT_TRUE(client.quiet(700));
}

TEST(Hub, ASendThatDoesNotEndClosesItsSubscriber) {
  HubOptions hub;
  hub.send_timeout_ms = 200;
  Cluster cluster({.hub = hub});
  Client stuck = cluster.subscribe(0, to_topic("t"), 4096);
  Client idle = cluster.subscribe(0, to_topic("other"));
  overrun(cluster, "t");
  EXPECT_TRUE(
      cluster.wait_for(0, [](Shard& shard) { return closed(shard, CloseReason::timeout) == 1; }));
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 1; }));
}

TEST(Hub, ClientsThatGoAreNoticedAtOnce) {
  Cluster cluster({});
  Client orderly = cluster.subscribe(0, to_topic("t"));
  Client rude = cluster.subscribe(0, to_topic("t"));
  Client stays = cluster.subscribe(0, to_topic("t"));
  orderly.close();
  rude.reset();
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 1; }));
  cluster.on(0, [](Shard& shard) {
    EXPECT_EQ(closed(shard, CloseReason::client) + closed(shard, CloseReason::error), 2U);
    EXPECT_EQ(shard.hub().find_view("t")->subscribers, 1U);
  });
  expect_head(stays);
  cluster.publish(0, "t", "a");
  EXPECT_EQ(read_parsed(stays).data, "a");
}

TEST(Hub, DrainGivesEverythingThenARetryThenTheEnd) {
  HubOptions hub;
  hub.drain_retry_min_ms = 700;
  hub.drain_retry_max_ms = 900;
  Cluster cluster({.hub = hub});
  Client client = cluster.subscribe(0, to_topic("t"));
  Client behind = cluster.subscribe(0, to_topic("t"), 4096);
  for (int i = 0; i < 50; ++i) cluster.publish(0, "t", std::string(2000, 'x'));
  cluster.on(0, [](Shard& shard) { shard.hub().drain(); });
  Client late = cluster.subscribe(0, after(to_topic("t"), "e-50"));
  for (Client* each : {&client, &behind, &late}) {
    expect_head(*each);
    for (std::uint64_t number = each == &late ? 51 : 2; number <= 51; ++number) {
      ASSERT_EQ(read_parsed(*each).number(), number);
    }
    const Block farewell = read_parsed(*each);
    ASSERT_FALSE(farewell.retry.empty());
    EXPECT_GE(std::stoi(farewell.retry), 700);
    EXPECT_LE(std::stoi(farewell.retry), 900);
    EXPECT_EQ(each->read_to_end(), "");
    each->close();
  }
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 0; }));
  cluster.on(0, [](Shard& shard) { EXPECT_EQ(closed(shard, CloseReason::drain), 3U); });
}

// What another core had acknowledged before the drain began comes before the farewell.
TEST(Hub, Drain_mt_WaitsForWhatOtherCoresHavePublished) {
  for (int round = 0; round < 20; ++round) {
    Cluster cluster({.cores = 2});
    const std::string topic = cluster.topic_at(1);
    Client client = cluster.subscribe(0, to_topic(topic));
    cluster.publish(1, topic, "last");
    cluster.on(0, [](Shard& shard) { shard.hub().drain(); });
    expect_head(client);
    ASSERT_EQ(read_parsed(client).data, "last");
    EXPECT_FALSE(read_parsed(client).retry.empty());
  }
}

TEST(Hub, APeerThatDoesNotEndItsSideIsClosedAfterAWhile) {
  HubOptions hub;
  hub.ending_timeout_ms = 100;
  Cluster cluster({.hub = hub});
  Client client = cluster.subscribe(0, to_topic("t"));
  cluster.on(0, [](Shard& shard) { shard.hub().drain(); });
  expect_head(client);
  client.read_to_end();
  EXPECT_TRUE(cluster.wait_for(0, [](Shard& shard) { return shard.hub().subscribers() == 0; }));
}

TEST(Hub, UnusedViews_mt_RetireAndComeBack) {
  HubOptions hub;
  hub.view_linger_ms = 30;
  Cluster cluster({.cores = 2, .hub = hub});
  for (unsigned home = 0; home < 2; ++home) {
    const std::string topic = cluster.topic_at(home);
    std::string last = cluster.publish(0, topic, "first");
    for (int round = 0; round < 5; ++round) {
      Client client = cluster.subscribe(1, after(to_topic(topic), last));
      const std::string id = cluster.publish(0, topic, "next");
      expect_head(client);
      EXPECT_EQ(read_parsed(client).id, id);
      last = id;
      client.close();
      EXPECT_TRUE(
          cluster.wait_for(1, [](Shard& shard) { return shard.hub().counters.views.get() == 0; }));
      const bool linked = cluster.on(
          home, [&](Shard& shard) { return !shard.topics()->find(topic)->links.empty(); });
      if (linked) {
        EXPECT_TRUE(cluster.wait_for(
            home, [&](Shard& shard) { return shard.topics()->find(topic)->links.empty(); }));
      }
      last = cluster.publish(0, topic, "nobody listens");
    }
  }
}

// Coming and going all the time while events flow: no event is missed or doubled.
TEST(Hub, Churn_mt_LosesNothing) {
  HubOptions hub;
  hub.view_linger_ms = 1;
  Cluster cluster({.cores = 2, .hub = hub, .table = history({.bytes = 1 << 20})});
  const std::string topic = cluster.topic_at(0);
  std::string first = cluster.publish(0, topic, "start");
  std::atomic<bool> stop{false};
  std::thread publisher([&] {
    for (int i = 0; !stop; ++i) cluster.publish(static_cast<unsigned>(i % 2), topic, "x");
  });
  std::string last = first;
  for (unsigned round = 0; round < 60; ++round) {
    Client client = cluster.subscribe(round % 2, after(to_topic(topic), last));
    expect_head(client);
    std::uint64_t number = std::stoull(last.substr(2));
    for (int i = 0; i < 5; ++i) {
      const Block block = read_parsed(client);
      ASSERT_EQ(block.number(), number + 2) << block.event;
      number = block.number();
      last = block.id;
    }
    if (round % 3 == 0) client.reset();
  }
  stop = true;
  publisher.join();
}

}  // namespace
}  // namespace ringcast
