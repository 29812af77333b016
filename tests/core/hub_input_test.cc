// Subscribers that also speak, and logs in another form, on real sockets and cores.
#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tests/core/blocks.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

// An event is a line `topic id type text|text…`.
class LineForm final : public WireForm {
 public:
  void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                    std::string_view id) override {
    EventParts parts = parse_event(event);
    std::string line = fmt::format("{} {} {} ", topic, id.empty() ? parts.id : id, parts.type);
    for (std::string_view text; next_data_line(parts.data, text);) line.append(text).append("|");
    line.back() = '\n';
    out.insert(out.end(), line.begin(), line.end());
    ++written;
  }
  void append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                  const EventIds&) override {
    out += fmt::format("gap {} {}\n", gap.topic, resume_id);
  }
  void append_id(std::string& out, std::string_view id) override {
    out += fmt::format("at {}\n", id);
  }
  std::string_view heartbeat() const override { return "ping\n"; }
  void append_farewell(std::string& out, std::uint64_t) override { out += "bye\n"; }

  int written = 0;
};

// Keeps what came in, and answers nothing.
class Recorder final : public SubscriberInput {
 public:
  std::string text;
  bool go_on = true;
  int closings = 0;

 protected:
  bool received(std::span<char> bytes) override {
    text.append(bytes.data(), bytes.size());
    return go_on;
  }
  void closed(CloseReason) override { ++closings; }
};

class HubInput : public testing::Test {
 protected:
  Client join(const std::string& topic) {
    Subscription subscription;
    if (!topic.empty()) subscription.topics = {topic};
    subscription.head = "head\n";
    subscription.form = &form_;
    subscription.input = input_;
    return cluster_.subscribe(0, std::move(subscription));
  }
  Result<void> follow(Subscription more) {
    more.form = &form_;
    return cluster_.await<Result<void>>(
        0, [&](Shard& shard) { return shard.follow_more(input_, std::move(more)); });
  }
  template <class Call>
  void with_hub(Call call) {
    cluster_.on(0, [&](Shard& shard) { call(shard.hub(), *input_->subscriber()); });
  }
  static std::string line(Client& client) { return client.read_through("\n"); }

  LineForm form_;
  std::shared_ptr<Recorder> input_ = std::make_shared<Recorder>();
  Cluster cluster_{{}};
};

TEST_F(HubInput, EventsAreWrittenOnceForAllWhoShareTheForm) {
  Client first = join("t");
  EXPECT_EQ(line(first), "head\n");
  input_ = std::make_shared<Recorder>();
  Client second = join("t");
  EXPECT_EQ(line(second), "head\n");
  for (int i = 0; i < 300; ++i) {
    const std::string id = cluster_.publish(0, "t", "a\nb", "tick");
    EXPECT_EQ(line(first), "t " + id + " tick a|b\n");
    EXPECT_EQ(line(second), "t " + id + " tick a|b\n");
  }
  // One that no longer fits into a block is written again at the start of the next.
  EXPECT_LT(cluster_.on(0, [this](Shard&) { return form_.written; }), 350);
}

TEST_F(HubInput, WhatThePeerSendsReachesTheInputAndItsEndClosesTheSubscriber) {
  Client client = join({});
  EXPECT_EQ(line(client), "head\n");
  client.send("hello");
  EXPECT_TRUE(cluster_.wait_for(0, [this](Shard&) { return input_->text == "hello"; }));
  client.close();
  EXPECT_TRUE(cluster_.wait_for(0, [this](Shard&) { return input_->closings == 1; }));
  EXPECT_EQ(input_->subscriber(), nullptr);
}

TEST_F(HubInput, AnInputThatSaysStopGetsNothingMoreUntilItAsks) {
  Client client = join({});
  cluster_.on(0, [this](Shard&) { input_->go_on = false; });
  client.send("one");
  EXPECT_TRUE(cluster_.wait_for(0, [this](Shard&) { return input_->text == "one"; }));
  client.send("two");
  EXPECT_EQ(line(client), "head\n");
  with_hub([](Hub& hub, Subscriber& self) { hub.say(self, "said\n"); });
  EXPECT_EQ(line(client), "said\n");
  EXPECT_EQ(cluster_.on(0, [this](Shard&) { return input_->text; }), "one");
  with_hub([](Hub& hub, Subscriber& self) { hub.receive(self); });
  EXPECT_TRUE(cluster_.wait_for(0, [this](Shard&) { return input_->text == "onetwo"; }));
}

TEST_F(HubInput, PausedItGetsItsOwnAndLaterEverythingSince) {
  Client client = join("t");
  EXPECT_EQ(line(client), "head\n");
  with_hub([](Hub& hub, Subscriber& self) { hub.pause(self); });
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    expected.push_back("t " + cluster_.publish(0, "t", std::to_string(i)) + "  " +
                       std::to_string(i) + "\n");
  }
  with_hub([](Hub& hub, Subscriber& self) { hub.say(self, "own\n"); });
  EXPECT_EQ(line(client), "own\n");
  EXPECT_TRUE(client.quiet(50));
  with_hub([](Hub& hub, Subscriber& self) { hub.unpause(self); });
  for (const std::string& event : expected) EXPECT_EQ(line(client), event);
}

TEST_F(HubInput, TopicsComeAndGo) {
  Client client = join({});
  EXPECT_EQ(line(client), "head\n");
  cluster_.publish(0, "a", "1");
  Subscription first = to_topic("a");
  first.from = Subscription::From::earliest;
  first.head = "ok\n";
  EXPECT_TRUE(follow(std::move(first)));
  EXPECT_EQ(line(client), "ok\n");
  EXPECT_EQ(line(client), "a e-2  1\n");
  Subscription second;
  second.patterns = {"b.*"};
  second.head = "ok\n";
  EXPECT_TRUE(follow(std::move(second)));
  EXPECT_EQ(line(client), "ok\n");
  cluster_.publish(0, "b.x", "2");
  EXPECT_EQ(line(client), "b.x e-3  2\n");
  cluster_.publish(0, "a", "3");
  EXPECT_EQ(line(client), "a e-4  3\n");
  with_hub([](Hub& hub, Subscriber& self) {
    EXPECT_TRUE(hub.remove_topic(self, "a"));
    EXPECT_FALSE(hub.remove_topic(self, "a"));
  });
  cluster_.publish(0, "a", "4");
  cluster_.publish(0, "b.y", "5");
  EXPECT_EQ(line(client), "b.y e-6  5\n");
  with_hub([](Hub& hub, Subscriber& self) { EXPECT_TRUE(hub.remove_topic(self, "b.*")); });
  cluster_.publish(0, "b.y", "6");
  EXPECT_TRUE(client.quiet(50));
}

TEST_F(HubInput, AReplayedTopicNamesItsOwnPlaceUntilItHasCaughtUp) {
  Client client = join("a");
  EXPECT_EQ(line(client), "head\n");
  cluster_.publish(0, "b", "1");
  cluster_.publish(0, "b", "2");
  cluster_.publish(0, "a", "3");
  EXPECT_EQ(line(client), "a e-4  3\n");
  Subscription more = to_topic("b");
  more.from = Subscription::From::after_id;
  more.last_id = "e-2";
  more.head.clear();
  EXPECT_TRUE(follow(std::move(more)));
  EXPECT_EQ(line(client), "b e-3  2\n");
  cluster_.publish(0, "b", "4");
  EXPECT_EQ(line(client), "b e-5  4\n");
}

TEST_F(HubInput, LastWordsAreTheLastAndThePeerEndsIt) {
  Client client = join("t");
  EXPECT_EQ(line(client), "head\n");
  with_hub([](Hub& hub, Subscriber& self) { hub.end(self, "last\n", CloseReason::replaced); });
  cluster_.publish(0, "t", "after");
  EXPECT_EQ(client.read_to_end(), "last\n");
  client.close();
  EXPECT_TRUE(cluster_.wait_for(0, [this](Shard&) { return input_->closings == 1; }));
}

TEST_F(HubInput, DrainSaysFarewellInTheForm) {
  Client client = join("t");
  EXPECT_EQ(line(client), "head\n");
  cluster_.on(0, [](Shard& shard) { shard.hub().drain(); });
  EXPECT_EQ(client.read_to_end(), "bye\n");
}

TEST(HubInputTimes, WhoDoesNotAnswerThePingIsClosed) {
  LineForm form;
  HubOptions hub;
  hub.ping_ms = 50;
  hub.pong_timeout_ms = 50;
  Cluster cluster({.hub = hub});
  const auto join = [&](std::shared_ptr<SubscriberInput> input) {
    Subscription subscription;
    subscription.form = &form;
    subscription.input = std::move(input);
    return cluster.subscribe(0, std::move(subscription));
  };
  Client silent = join(std::make_shared<Recorder>());
  EXPECT_EQ(silent.read_to_end(), "ping\n");
}

TEST(HubInputOrder, EventsThatExceptANameAreLeftOutForIt) {
  Cluster cluster({});
  Subscription wanted = to_topic("t");
  wanted.name = "me";
  wanted.head.clear();
  Client me = cluster.subscribe(0, std::move(wanted));
  const auto publish = [&](std::string_view except, std::string_view data) {
    cluster.on(0, [&](Shard& shard) {
      Topic& topic = **shard.topics()->find_or_create("t");
      shard.topics()->publish(topic,
                              NewEvent{.type = {}, .data = data, .key = {}, .except = except});
    });
  };
  publish("me", "1");
  publish("you", "2");
  EXPECT_EQ(me.read_block(), "id: e-3\nexcept: you\ndata: 2\n\n");
}

}  // namespace
}  // namespace ringcast
