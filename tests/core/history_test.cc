// A home's history on its way to another process: everything that goes out comes in, and nothing
// comes in that could not have gone out.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/history_export.h"
#include "core/history_import.h"
#include "core/shard.h"
#include "tests/core/cluster.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

// A home without threads: what a process has before its cores run.
class Home {
 public:
  explicit Home(const TopicTableOptions& options = {}, std::string epoch = "e", unsigned homes = 1)
      : fabric_(EventIds(std::move(epoch), homes), homes) {
    for (unsigned home = 0; home < homes; ++home) {
      reactors_.push_back(std::make_unique<Reactor>(home, std::make_unique<ManualDriver>()));
      tables_.push_back(std::make_unique<TopicTable>(*reactors_.back(), fabric_, options));
      all_.push_back(tables_.back().get());
    }
  }

  TopicTable& table(unsigned home = 0) { return *tables_[home]; }
  const EventIds& ids() const { return fabric_.ids; }
  void pass_ms(std::int64_t ms) {
    for (auto& reactor : reactors_) {
      static_cast<ManualDriver&>(reactor->driver()).clock_ns += ms * 1'000'000;
    }
  }

  std::uint64_t publish(const std::string& topic, const NewEvent& event) {
    TopicTable& table = *tables_[fabric_.home_of(topic)];
    return table.publish(**table.find_or_create(topic), event);
  }

  // The records, in pieces of about so many bytes.
  std::vector<std::string> pieces(std::size_t bytes) {
    std::vector<std::string> pieces;
    for (auto& table : tables_) {
      HistoryExport history(*table);
      for (bool more = true; more;) {
        more = history.write(pieces.emplace_back(), bytes);
      }
    }
    return pieces;
  }
  std::string records() {
    std::string all;
    for (const std::string& piece : pieces(1)) all += piece;
    return all;
  }
  Result<void> read(const std::vector<std::string>& pieces) {
    HistoryImport import(all_);
    HistoryReader reader(fabric_.ids, import);
    for (const std::string& piece : pieces) {
      if (auto read = reader.read(piece); !read) return read;
    }
    complete = reader.complete();
    return {};
  }

  bool complete = false;

 private:
  Fabric fabric_;
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::vector<std::unique_ptr<TopicTable>> tables_;
  std::vector<TopicTable*> all_;
};

TopicTableOptions history(const TopicRules& rules) {
  auto table = std::make_shared<TopicRulesTable>();
  table->defaults = rules;
  return {.rules = std::move(table)};
}

TEST(History, EverythingComesInAsItWentOut) {
  Home old({}, "k3", 2);
  for (int n = 0; n < 3000; ++n) {
    const std::string key = n % 3 == 0 ? "key" + std::to_string(n) : "";
    old.publish("t" + std::to_string(n % 37),
                {.type = n % 2 == 0 ? "a" : "",
                 .data = std::string(static_cast<std::size_t>(n % 700), 'x') + "\nü",
                 .key = key,
                 .except = n % 5 == 0 ? "somebody" : ""});
    old.pass_ms(n % 2);
  }
  const std::string records = old.records();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{5000}, std::size_t{1} << 30}) {
    Home fresh({}, "k3", 2);
    ASSERT_TRUE(fresh.read(old.pieces(piece)));
    EXPECT_TRUE(fresh.complete);
    // Also the ids of publishers, in whatever order they lie.
    EXPECT_EQ(fresh.records().size(), records.size());
    for (unsigned home = 0; home < 2; ++home) {
      EXPECT_EQ(fresh.table(home).last_number(), old.table(home).last_number());
    }
    const std::uint64_t known = old.publish("t3", {.type = "", .data = "x", .key = "key3"});
    EXPECT_EQ(fresh.publish("t3", {.type = "", .data = "x", .key = "key3"}), known);
    EXPECT_EQ(fresh.publish("t3", {.type = "", .data = "new", .key = ""}),
              fresh.table(fresh.ids().home_of(known)).last_number());
  }
}

TEST(History, WhatHasLeftItStaysGone) {
  Home old(history({.events = 3}));
  std::uint64_t third = 0;
  for (int n = 0; n < 10; ++n) {
    const std::uint64_t number =
        old.publish("t", {.type = "", .data = "x", .key = std::to_string(n)});
    if (n == 2) third = number;
  }
  Home fresh(history({.events = 3}));
  ASSERT_TRUE(fresh.read(old.pieces(100)));
  const Topic& topic = *fresh.table().find("t");
  EXPECT_EQ(topic.events(), 3U);
  EXPECT_EQ(topic.evicted_number(), old.table().find("t")->evicted_number());
  EXPECT_EQ(topic.bytes(), old.table().find("t")->bytes());
  EXPECT_GT(fresh.publish("t", {.type = "", .data = "x", .key = "2"}), third);
}

TEST(History, TheBoundsOfWhoTakesOverCount) {
  Home old;
  for (int n = 0; n < 100; ++n) old.publish("t", {.type = "", .data = "x", .key = ""});
  Home fresh(history({.events = 10}));
  ASSERT_TRUE(fresh.read(old.pieces(1000)));
  EXPECT_EQ(fresh.table().find("t")->events(), 10U);
  EXPECT_EQ(fresh.table().find("t")->last_number(), old.table().find("t")->last_number());
  Home late(history({.age_ms = 1}));
  late.pass_ms(10'000);
  ASSERT_TRUE(late.read(old.pieces(1000)));
  EXPECT_EQ(late.table().find("t")->events(), 0U);
  TopicTableOptions few;
  few.max_topics = 0;
  Home full(few);
  const auto refused = full.read(old.pieces(1000));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "topic_limit");
}

TEST(History, RemovedTopicsAreRemembered) {
  Home old(history({.age_ms = 1}));
  const std::uint64_t last = old.publish("gone", {.type = "", .data = "x", .key = ""});
  old.publish("gone.too", {.type = "", .data = "x", .key = ""});
  old.pass_ms(1000);
  for (int n = 0; n < 4; ++n) {
    old.table().run_turn();
    old.table().maintain();
  }
  ASSERT_EQ(old.table().find("gone"), nullptr);
  Home fresh;
  ASSERT_TRUE(fresh.read(old.pieces(1000)));
  EXPECT_EQ((*fresh.table().find_or_create("gone"))->evicted_number(), last);
  EXPECT_EQ(fresh.table().removed().all().size(), 1U);
}

TEST(History, EveryCutAndEveryChangedByteIsRefusedOrHarmless) {
  Home old({}, "e", 2);
  for (int n = 0; n < 12; ++n) {
    old.publish("t" + std::to_string(n % 3),
                {.type = "type", .data = "some\ndata", .key = std::to_string(n)});
  }
  const std::string records = old.records();
  for (std::size_t cut = 0; cut < records.size(); ++cut) {
    Home fresh({}, "e", 2);
    const auto read = fresh.read({records.substr(0, cut)});
    EXPECT_FALSE(read && fresh.complete) << cut;
  }
  std::mt19937 random(7);
  int refused = 0;
  for (std::size_t at = 0; at < records.size(); ++at) {
    std::string changed = records;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (random() % 8)));
    Home fresh({}, "e", 2);
    const auto read = fresh.read({changed});
    if (!read || !fresh.complete) {
      ++refused;
      continue;
    }
    // What was taken for a history is one: it goes out and comes in again.
    Home next({}, "e", 2);
    EXPECT_TRUE(next.read({fresh.records()})) << at;
  }
  EXPECT_GT(refused, static_cast<int>(records.size() / 3));
}

TEST(History, AnotherEpochOrATopicTwiceIsRefused) {
  Home old;
  old.publish("t", {.type = "", .data = "x", .key = ""});
  Home other({}, "f");
  EXPECT_FALSE(other.read(old.pieces(1000)));
  Home known;
  known.publish("t", {.type = "", .data = "x", .key = ""});
  const auto twice = known.read(old.pieces(1000));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, "bad_history");
}

TEST(History, APublishWaitsWhileTheIntakeIsHeld_mt) {
  Cluster cluster({.cores = 2});
  const std::string topics[] = {cluster.topic_at(0), cluster.topic_at(1)};
  cluster.publish(0, topics[0], "before");
  const auto set_all = [&](Intake intake) {
    for (unsigned core = 0; core < 2; ++core) {
      cluster.on(core, [intake](Shard& shard) { shard.topics()->set_intake(intake); });
    }
  };
  set_all(Intake::held);
  std::vector<std::thread> publishers;
  std::atomic<int> done{0};
  std::mutex mutex;
  std::map<std::string, int> answers;
  const auto start = [&](unsigned core, unsigned home) {
    publishers.emplace_back([&, core, home] {
      const std::string answer = cluster.publish(core, topics[home], "held");
      const std::lock_guard lock(mutex);
      ++answers[answer == "handed_over" ? answer : "published"];
      ++done;
    });
  };
  for (const unsigned core : {0U, 1U}) {
    for (const unsigned home : {0U, 1U}) start(core, home);
  }
  std::vector<BatchEvent> batch{
      {.topic = topics[0], .event = {.type = "", .data = "b", .key = ""}},
      {.topic = topics[1], .event = {.type = "", .data = "b", .key = ""}}};
  std::thread batch_publisher([&] {
    const auto published =
        cluster.await<Result<void>>(1, [&](Shard& shard) { return shard.publish_batch(batch); });
    EXPECT_TRUE(published);
    ++done;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(done, 0);
  EXPECT_TRUE(cluster.on(0, [](Shard& shard) { return shard.topics()->settled(); }));
  set_all(Intake::open);
  for (std::thread& publisher : publishers) publisher.join();
  batch_publisher.join();
  EXPECT_EQ(answers["published"], 4);
  set_all(Intake::held);
  publishers.clear();
  start(0, 1);
  start(1, 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  set_all(Intake::ended);
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_EQ(answers["handed_over"], 2);
  EXPECT_EQ(cluster.publish(0, topics[0], "late"), "handed_over");
}

TEST(History, WritesWhileSubscribersComeAndGo_mt) {
  Cluster cluster({.cores = 2});
  const std::string topic = cluster.topic_at(0);
  for (int n = 0; n < 200; ++n) cluster.publish(1, topic, std::string(500, 'x'));
  for (unsigned core = 0; core < 2; ++core) {
    cluster.on(core, [](Shard& shard) { shard.topics()->set_intake(Intake::held); });
  }
  std::unique_ptr<HistoryExport> writer;
  std::string records;
  for (bool more = true; more;) {
    Subscription all;
    all.topics = {topic};
    all.from = Subscription::From::earliest;
    const Client client = cluster.subscribe(1, std::move(all));
    more = cluster.on(0, [&](Shard& shard) {
      if (!writer) writer = std::make_unique<HistoryExport>(*shard.topics());
      return writer->write(records, records.size() + 20'000);
    });
  }
  EXPECT_EQ(writer->events(), 200U);
  cluster.on(0, [&](Shard&) { writer.reset(); });
  for (unsigned core = 0; core < 2; ++core) {
    cluster.on(core, [](Shard& shard) { shard.topics()->set_intake(Intake::open); });
  }
}

}  // namespace
}  // namespace ringcast
