#include "core/topic.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>

#include "core/topic_view.h"

namespace ringcast {
namespace {

const EventIds kIds("e", 1);

void ignore(Message&) {}

TopicRules rules(std::uint64_t bytes, std::uint64_t events, std::int64_t age_ms = 0) {
  return {.bytes = bytes, .events = events, .age_ms = age_ms, .on_lag = LagPolicy::gap};
}

void append(Topic& topic, std::uint64_t number, std::string_view data, std::int64_t now_ms = 1000,
            std::string_view key = {}) {
  topic.append({.type = {}, .data = data, .key = key}, number, kIds, now_ms);
}

// A core that reads the topic.
struct Reader {
  explicit Reader(Topic& topic) : link(*add(topic)), view(link) {}
  static TopicLink* add(Topic& topic) {
    topic.links.push_back(std::make_unique<TopicLink>(topic, 0, ignore, ignore));
    TopicLink& link = *topic.links.back();
    link.oldest = topic.oldest();
    link.oldest_serial = topic.oldest_serial();
    link.released_serial = topic.oldest_serial();
    return &link;
  }
  // Everything readable from the cursor on, which is moved behind it.
  std::string read(Cursor& cursor) {
    std::string all;
    for (;;) {
      const Committed readable = view.readable(cursor);
      if (cursor.record >= readable.records) return all;
      all.append(cursor.segment->bytes() + cursor.offset, readable.bytes - cursor.offset);
      cursor.number = cursor.segment->record(readable.records - 1).number;
      cursor.record = readable.records;
      cursor.offset = readable.bytes;
    }
  }
  TopicLink& link;
  TopicView view;
};

std::string wire(std::uint64_t number, std::string_view data) {
  return "id: e-" + std::to_string(number) + "\ndata: " + std::string(data) + "\n\n";
}

TEST(Topic, EmptyHistory) {
  const Topic topic("t", rules(1000, 10), 41);
  EXPECT_EQ(topic.events(), 0U);
  EXPECT_EQ(topic.bytes(), 0U);
  EXPECT_EQ(topic.first_number(), 42U);
  EXPECT_EQ(topic.evicted_number(), 41U);
  EXPECT_EQ(topic.last_number(), 41U);
}

TEST(Topic, BoundedByCount) {
  Topic topic("t", rules(1 << 20, 3), 0);
  for (std::uint64_t number = 10; number <= 50; number += 10) {
    append(topic, number, "x");
    topic.trim(1000);
  }
  EXPECT_EQ(topic.events(), 3U);
  EXPECT_EQ(topic.first_number(), 30U);
  EXPECT_EQ(topic.evicted_number(), 20U);
  EXPECT_EQ(topic.last_number(), 50U);
  EXPECT_EQ(topic.bytes(), 3 * wire(30, "x").size());
}

TEST(Topic, BoundedByBytes) {
  const std::uint64_t each = wire(10, "xxxx").size();
  Topic topic("t", rules(2 * each + 1, 100), 0);
  for (std::uint64_t number = 10; number <= 14; ++number) {
    append(topic, number, "xxxx");
    topic.trim(1000);
    EXPECT_LE(topic.bytes(), 2 * each + 1);
  }
  EXPECT_EQ(topic.events(), 2U);
  EXPECT_EQ(topic.first_number(), 13U);
}

TEST(Topic, AnEventLargerThanTheHistoryLeavesItEmpty) {
  Topic topic("t", rules(100, 100), 0);
  append(topic, 5, "small");
  append(topic, 6, std::string(1000, 'x'));
  EXPECT_TRUE(topic.trim(1000));
  EXPECT_EQ(topic.events(), 0U);
  EXPECT_EQ(topic.first_number(), 7U);
  EXPECT_EQ(topic.evicted_number(), 6U);
  append(topic, 9, "next");
  EXPECT_EQ(topic.first_number(), 9U);
  EXPECT_EQ(topic.events(), 1U);
  EXPECT_FALSE(topic.trim(1000));
}

TEST(Topic, BoundedByAge) {
  Topic topic("t", rules(1 << 20, 100, 500), 0);
  append(topic, 1, "a", 1000);
  append(topic, 2, "b", 1200);
  append(topic, 3, "c", 1700);
  EXPECT_FALSE(topic.trim(1500));
  EXPECT_EQ(topic.events(), 3U);
  EXPECT_TRUE(topic.trim(1501));
  EXPECT_EQ(topic.first_number(), 2U);
  EXPECT_TRUE(topic.trim(2200));
  EXPECT_EQ(topic.first_number(), 3U);
  EXPECT_TRUE(topic.trim(1'000'000));
  EXPECT_EQ(topic.events(), 0U);
  EXPECT_EQ(topic.bytes(), 0U);
}

TEST(Topic, AgeCountsFromTheAppendAlsoAfterAnIdleTime) {
  // A wall clock of today, and the first event long after the topic was made.
  constexpr std::int64_t kNow = 1'760'000'000'000;
  Topic topic("t", rules(1 << 20, 100, 3'600'000), 0);
  append(topic, 1, "a", kNow);
  EXPECT_FALSE(topic.trim(kNow + 3'600'000));
  EXPECT_TRUE(topic.trim(kNow + 3'600'001));
}

TEST(Topic, NoAgeLimit) {
  Topic topic("t", rules(1 << 20, 100, 0), 0);
  append(topic, 1, "a", 1000);
  EXPECT_FALSE(topic.trim(std::int64_t{1} << 50));
}

TEST(Topic, MatchesAModelUnderRandomTraffic) {
  struct Kept {
    std::uint64_t number, bytes;
    std::int64_t time;
  };
  for (unsigned seed = 0; seed < 30; ++seed) {
    std::mt19937 random(seed);
    const TopicRules limits = rules(200 + random() % 8000, 1 + random() % 60, 50 + random() % 3000);
    Topic topic("t", limits, 0);
    Reader reader(topic);
    std::deque<Kept> model;
    std::uint64_t bytes = 0;
    std::uint64_t number = 0;
    std::int64_t now = 1000;
    for (int step = 0; step < 2000; ++step) {
      now += random() % 40;
      number += 1 + random() % 5;
      const std::string data(random() % 300, 'x');
      append(topic, number, data, now);
      model.push_back({number, wire(number, data).size(), now});
      bytes += model.back().bytes;
      topic.trim(now);
      while (!model.empty() && (bytes > limits.bytes || model.size() > limits.events ||
                                model.front().time < now - limits.age_ms)) {
        bytes -= model.front().bytes;
        model.pop_front();
      }
      ASSERT_EQ(topic.events(), model.size());
      ASSERT_EQ(topic.bytes(), bytes);
      ASSERT_EQ(topic.first_number(), model.empty() ? number + 1 : model.front().number);
      topic.free_released();
      reader.view.refresh();
      reader.view.release();
    }
    Cursor all = reader.view.earliest();
    EXPECT_EQ(reader.read(all).size(), bytes);
    EXPECT_LE(topic.allocated_bytes(), 2 * limits.bytes + 8192);
  }
}

TEST(Topic, KeysAreKnownWhileTheirEventIs) {
  Topic topic("t", rules(1 << 20, 2), 0);
  append(topic, 1, "a", 1000, "k1");
  append(topic, 2, "b", 1000, "");
  EXPECT_EQ(topic.find_key("k1"), 1U);
  EXPECT_EQ(topic.find_key(""), 0U);
  append(topic, 3, "c", 1000, "k3");
  topic.trim(1000);
  EXPECT_EQ(topic.find_key("k1"), 0U);
  EXPECT_EQ(topic.find_key("k3"), 3U);
}

TEST(Topic, AQuietTopicStaysUnder8KiB) {
  Topic topic("progress.42", TopicRules{}, 0);
  for (std::uint64_t number = 1; number <= 20; ++number) {
    append(topic, number, std::string(100, 'x'));
  }
  EXPECT_EQ(topic.events(), 20U);
  EXPECT_LE(topic.allocated_bytes() + sizeof(Topic), 8192U);
}

TEST(Topic, MemoryGoesWhenNobodyReads) {
  Topic topic("t", rules(10'000, 1'000'000), 0);
  std::uint64_t most = 0;
  for (std::uint64_t number = 1; number <= 5000; ++number) {
    append(topic, number, std::string(50, 'x'));
    if (topic.trim(1000)) topic.free_released();
    most = std::max(most, topic.allocated_bytes());
  }
  EXPECT_LE(most, 30'000U);
}

TEST(Topic, ASendInFlightKeepsItsSegmentAndNoOther) {
  Topic topic("t", rules(4000, 1'000'000), 0);
  Reader reader(topic);
  append(topic, 1, "first");
  Cursor cursor = reader.view.earliest();
  reader.view.pin(cursor.serial);
  const char* const first = cursor.segment->bytes();
  const std::uint64_t cursor_segment_bytes = cursor.segment->allocated_bytes();
  for (std::uint64_t number = 2; number <= 500; ++number) {
    append(topic, number, std::string(50, 'x'));
    topic.trim(1000);
    topic.free_released();
    reader.view.refresh();
    reader.view.release();
  }
  EXPECT_EQ(std::string_view(first, wire(1, "first").size()), wire(1, "first"));
  const std::uint64_t with_first = topic.allocated_bytes();
  EXPECT_LT(with_first, 11'000U);
  reader.view.unpin(cursor.serial);
  EXPECT_TRUE(reader.view.release());
  EXPECT_EQ(topic.free_released(), cursor_segment_bytes);
  EXPECT_EQ(topic.allocated_bytes(), with_first - cursor_segment_bytes);
}

TEST(Topic, DropOldestSegmentKeepsTheNewest) {
  Topic topic("t", rules(1 << 20, 1'000'000), 0);
  EXPECT_FALSE(topic.drop_oldest_segment());
  for (std::uint64_t number = 1; number <= 100; ++number) append(topic, number, "0123456789");
  const std::uint64_t events = topic.events();
  EXPECT_TRUE(topic.drop_oldest_segment());
  EXPECT_LT(topic.events(), events);
  EXPECT_EQ(topic.evicted_number() + 1, topic.first_number());
  while (topic.drop_oldest_segment()) {
  }
  EXPECT_GT(topic.events(), 0U);
  EXPECT_EQ(topic.last_number(), 100U);
}

// --- the same topic as a core reads it ---

TEST(TopicView, ReadsExactlyWhatWasWrittenOverSegments) {
  Topic topic("t", rules(1 << 20, 1'000'000), 0);
  Reader reader(topic);
  Cursor cursor = reader.view.head();
  std::string expected;
  for (std::uint64_t number = 1; number <= 300; ++number) {
    const std::string data(number % 70, 'x');
    append(topic, number, data);
    expected += wire(number, data);
  }
  EXPECT_TRUE(reader.view.refresh());
  EXPECT_FALSE(reader.view.refresh());
  EXPECT_GT(topic.oldest()->next()->serial(), 1U);
  EXPECT_EQ(reader.read(cursor), expected);
  EXPECT_EQ(cursor.number, 300U);
  EXPECT_EQ(reader.read(cursor), "");
}

TEST(TopicView, AfterEveryNumber) {
  Topic topic("t", rules(1 << 20, 1'000'000), 0);
  Reader reader(topic);
  for (std::uint64_t number = 10; number <= 2000; number += 10) append(topic, number, "payload");
  for (std::uint64_t number = 0; number <= 2005; ++number) {
    Cursor cursor = reader.view.after(number);
    const std::string rest = reader.read(cursor);
    const std::uint64_t next = number / 10 * 10 + 10;
    if (next > 2000) {
      ASSERT_EQ(rest, "");
    } else {
      ASSERT_TRUE(rest.starts_with(wire(next, "payload"))) << number;
    }
  }
}

TEST(TopicView, LostOnlyIfSomethingUnreadIsGone) {
  Topic topic("t", rules(3000, 1'000'000), 0);
  Reader reader(topic);
  append(topic, 1, "a");
  Cursor behind = reader.view.after(0);
  Cursor up_to_date = reader.view.head();
  std::uint64_t number = 1;
  while (topic.oldest_serial() == 1) {
    append(topic, ++number, std::string(100, 'x'));
    topic.trim(1000);
  }
  topic.free_released();
  reader.view.refresh();
  EXPECT_TRUE(reader.view.lost(behind));
  EXPECT_TRUE(reader.view.lost(up_to_date));  // it had not seen what went with the segment
  Cursor earliest = reader.view.earliest();
  EXPECT_FALSE(reader.view.lost(earliest));
  EXPECT_TRUE(reader.read(earliest).starts_with("id: e-" + std::to_string(topic.first_number())));
}

TEST(TopicView, SomebodyWhoHasEverythingIsNotLostWhenItsSegmentGoes) {
  Topic topic("t", rules(3000, 1'000'000), 0);
  Reader reader(topic);
  std::uint64_t number = 0;
  append(topic, ++number, "a");
  Segment* const first = topic.oldest();
  while (first->next() == nullptr) append(topic, ++number, std::string(100, 'x'));
  // Everything in the first segment was read; what follows is in the second.
  Cursor cursor = reader.view.after(number - 1);
  Cursor at_end{first, first->serial(), first->committed().records, first->committed().bytes,
                number - 1};
  while (topic.oldest_serial() == 1) {
    append(topic, ++number, std::string(100, 'x'));
    topic.trim(1000);
  }
  topic.free_released();
  reader.view.refresh();
  EXPECT_FALSE(reader.view.lost(at_end));
  EXPECT_EQ(reader.read(at_end), reader.read(cursor));
}

TEST(TopicView, AnEmptiedHistoryStartsAtItsNextEvent) {
  Topic topic("t", rules(1 << 20, 100, 100), 0);
  Reader reader(topic);
  append(topic, 1, "old", 1000);
  topic.trim(2000);
  Cursor earliest = reader.view.earliest();
  EXPECT_EQ(reader.read(earliest), "");
  append(topic, 2, "new", 2000);
  EXPECT_EQ(reader.read(earliest), wire(2, "new"));
  Cursor again = reader.view.earliest();
  EXPECT_EQ(reader.read(again), wire(2, "new"));
}

TEST(TopicView, ReleaseSaysWhatIsInUse) {
  Topic topic("t", rules(2000, 1'000'000), 0);
  Reader reader(topic);
  EXPECT_FALSE(reader.view.release());
  append(topic, 1, "x");
  reader.view.pin(1);
  reader.view.pin(1);
  for (std::uint64_t number = 2; number < 100; ++number) {
    append(topic, number, std::string(100, 'x'));
    topic.trim(1000);
  }
  topic.free_released();
  reader.view.refresh();
  EXPECT_TRUE(reader.view.release());
  EXPECT_EQ(reader.link.released_serial, topic.oldest_serial());
  EXPECT_FALSE(reader.view.release());
  reader.view.unpin(1);
  EXPECT_FALSE(reader.view.release());
  reader.view.unpin(1);
  EXPECT_TRUE(reader.view.release());
  EXPECT_EQ(reader.link.released_serial, topic.oldest_serial());
  EXPECT_FALSE(reader.view.release());
}

}  // namespace
}  // namespace ringcast
