// Reading topics from inside the program, and coroutines that run on another core.
#include "core/topic_reader.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/remote_task.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

using Texts = std::vector<std::string>;

std::string text_of(const TopicReader::Event& event) {
  std::string text;
  EventParts parts = event.parts;
  for (std::string_view line; next_data_line(parts.data, line);) text += line;
  return text;
}

Texts all_of(TopicReader& reader) {
  Texts texts;
  while (const auto event = reader.next()) texts.push_back(text_of(*event));
  return texts;
}

Task<Texts> read_last(Shard* shard, std::string topic, std::uint64_t count) {
  TopicReader reader(*shard);
  if (!co_await reader.open(topic)) co_return Texts{"no room"};
  reader.seek_last(count);
  co_return all_of(reader);
}

// Everything from now on, up to `count` events.
Task<Texts> follow(Shard* shard, std::string topic, std::size_t count, std::atomic<bool>* open) {
  Scope scope(shard->reactor());
  TopicReader reader(*shard);
  if (!co_await reader.open(topic)) co_return Texts{"no room"};
  *open = true;
  Texts texts;
  while (texts.size() < count) {
    for (const std::string& text : all_of(reader)) texts.push_back(text);
    if (texts.size() < count && !co_await reader.wait(scope, -1)) break;
  }
  EXPECT_EQ(reader.gaps(), 0U);
  co_return texts;
}

Task<bool> wait_a_little(Shard* shard, std::string topic) {
  Scope scope(shard->reactor());
  TopicReader reader(*shard);
  if (!co_await reader.open(topic)) co_return true;
  co_return co_await reader.wait(scope, shard->reactor().now_ns() + 5'000'000);
}

class TopicReaderTest : public testing::TestWithParam<unsigned> {
 protected:
  Shard* shard(unsigned core) { return cluster_.fabric().shards[core]; }
  Cluster cluster_{{.cores = 2}};
  std::string topic_ = cluster_.topic_at(GetParam());  // here, or on the other core
};

TEST_P(TopicReaderTest, HistoryIsReadFromItsEnd) {
  for (int i = 0; i < 300; ++i) cluster_.publish(0, topic_, fmt::format("e{}", i));
  const auto read = [this](std::uint64_t count) {
    return cluster_.await<Texts>(0, [&](Shard& here) { return read_last(&here, topic_, count); });
  };
  // A home on another core tells of new events a moment later.
  for (int tries = 0; tries < 1000 && read(1) != Texts{"e299"}; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(read(2), (Texts{"e298", "e299"}));
  EXPECT_EQ(read(1000).size(), 300U);
  EXPECT_EQ(read(1000).front(), "e0");
}

TEST_P(TopicReaderTest, EventsComeInOrderWhileTheyArePublished) {
  constexpr std::size_t kEvents = 2000;
  std::atomic<bool> open{false};
  auto reading = std::async(std::launch::async, [&] {
    return cluster_.await<Texts>(
        0, [&](Shard& here) { return follow(&here, topic_, kEvents, &open); });
  });
  while (!open) std::this_thread::yield();
  for (std::size_t i = 0; i < kEvents; ++i) cluster_.publish(i % 2, topic_, fmt::format("e{}", i));
  const Texts texts = reading.get();
  ASSERT_EQ(texts.size(), kEvents);
  for (std::size_t i = 0; i < kEvents; ++i) EXPECT_EQ(texts[i], fmt::format("e{}", i));
}

TEST_P(TopicReaderTest, WaitingEndsWithItsTime) {
  EXPECT_FALSE(
      cluster_.await<bool>(0, [this](Shard& here) { return wait_a_little(&here, topic_); }));
}

INSTANTIATE_TEST_SUITE_P(Homes, TopicReaderTest, testing::Values(0U, 1U));

// --- on_core ---

Task<std::string> say_where(Shard* shard, const std::string* word) {
  Scope scope(shard->reactor());
  co_await scope.sleep(1'000'000);
  co_return fmt::format("{} on {}", *word, shard->reactor().core());
}

Task<std::string> ask(Shard* here, Shard* there, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) {
    const std::string word = fmt::format("{}", i);
    all += co_await on_core<std::string>(here->reactor(), there->reactor(),
                                         [&] { return say_where(there, &word); });
    all += ';';
  }
  co_return all;
}

TEST(RemoteTask, RunsThereAndComesBack) {
  Cluster cluster({.cores = 2});
  Shard* const there = cluster.fabric().shards[1];
  for (const unsigned core : {0U, 1U}) {
    EXPECT_EQ(cluster.await<std::string>(core, [&](Shard& here) { return ask(&here, there, 3); }),
              "0 on 1;1 on 1;2 on 1;");
  }
}

}  // namespace
}  // namespace ringcast
