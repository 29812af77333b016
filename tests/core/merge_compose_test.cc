// Merge::compose alone: the order of events, and what the home's watermark holds back.
#include <gtest/gtest.h>

#include <array>

#include "core/merge.h"
#include "core/shard.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

void ignore(Message&) {}

// A topic and the view of a core that reads it; `told` is what the notice does.
struct Source {
  explicit Source(std::string name)
      : topic(std::move(name), TopicRules{.bytes = 4000, .events = 1000, .age_ms = 0}, 1) {
    topic.links.push_back(std::make_unique<TopicLink>(topic, 0, ignore, ignore));
    TopicLink& link = *topic.links.back();
    link.oldest = topic.oldest();
    link.oldest_serial = topic.oldest_serial();
    link.released_serial = topic.oldest_serial();
    view = std::make_unique<TopicView>(link);
  }
  void append(std::uint64_t number, const EventIds& ids, std::string_view data = "x") {
    topic.append({.type = {}, .data = data, .key = {}}, number, ids, 1000);
    topic.trim(1000);
    topic.free_released();
  }
  Topic topic;
  std::unique_ptr<TopicView> view;
};

class ComposeTest : public testing::Test {
 protected:
  ComposeTest() {
    Reactor::connect({&reactor_});
    a_member_ = &merge_.add(subscriber_, *a_.view, a_.view->head());
    b_member_ = &merge_.add(subscriber_, *b_.view, b_.view->head());
    merge_.position.number[0] = 1;
  }
  void tell(Source& source, MergeMember& member) {
    source.view->refresh();
    merge_.wake(member);
  }
  // The topics of what is composed, in order, such as "aab".
  std::string compose(std::uint64_t watermark, std::size_t most_bytes = 1 << 20) {
    std::vector<char> out;
    const std::array<std::uint64_t, 1> watermarks{watermark};
    merge_.compose(out, most_bytes, watermarks, ids_, event_stream_form(), lost_);
    const std::string text(out.begin(), out.end());
    std::string topics;
    for (std::size_t at = 0; (at = text.find("topic: ", at)) != std::string::npos; ++at) {
      topics += text[at + 7];
    }
    return topics;
  }

  const EventIds ids_{"e", 1};
  Reactor reactor_{0, std::make_unique<ManualDriver>()};
  Fabric fabric_{ids_, 1};
  Admission admission_{10};
  Shard shard_{reactor_, fabric_, admission_, HubOptions{}, TopicTableOptions{}};
  Source a_{"a"};
  Source b_{"b"};
  Subscriber subscriber_{shard_.hub()};
  Merge merge_;
  MergeMember* a_member_ = nullptr;
  MergeMember* b_member_ = nullptr;
  MergeMember* lost_ = nullptr;
};

TEST_F(ComposeTest, ByNumberOverTheTopics) {
  a_.append(2, ids_);
  b_.append(3, ids_);
  b_.append(4, ids_);
  a_.append(5, ids_);
  tell(b_, *b_member_);
  tell(a_, *a_member_);
  EXPECT_EQ(compose(5), "abba");
  EXPECT_EQ(merge_.position.number[0], 5U);
  EXPECT_FALSE(merge_.pending());
}

TEST_F(ComposeTest, NothingAboveTheWatermark) {
  a_.append(2, ids_);
  b_.append(3, ids_);
  // The news of b came before that of a: what is readable there may not be all there is.
  tell(b_, *b_member_);
  EXPECT_EQ(compose(1), "");
  EXPECT_EQ(merge_.position.number[0], 1U);
  EXPECT_TRUE(merge_.pending());
  tell(a_, *a_member_);
  EXPECT_EQ(compose(2), "a");
  EXPECT_EQ(merge_.position.number[0], 2U);
  EXPECT_EQ(compose(3), "b");
  EXPECT_EQ(merge_.position.number[0], 3U);
}

TEST_F(ComposeTest, AboutAsManyBytesAsAsked) {
  for (std::uint64_t number = 2; number < 12; ++number) a_.append(number, ids_);
  tell(a_, *a_member_);
  EXPECT_EQ(compose(20, 1), "a");
  EXPECT_EQ(compose(20, 1 << 20), "aaaaaaaaa");
}

TEST_F(ComposeTest, ALostMemberIsNamedBeforeAnythingElse) {
  b_.append(2, ids_);
  for (std::uint64_t number = 3; number < 200; ++number) a_.append(number, ids_, "0123456789");
  tell(b_, *b_member_);
  tell(a_, *a_member_);
  EXPECT_EQ(compose(200), "");
  EXPECT_EQ(lost_, a_member_);
  a_member_->cursor = a_.view->earliest();
  merge_.wake(*a_member_);
  EXPECT_TRUE(compose(200).starts_with("ba"));
  EXPECT_EQ(lost_, nullptr);
  EXPECT_EQ(merge_.position.number[0], 199U);
}

TEST_F(ComposeTest, WhatIsFilteredMovesThePositionOn) {
  merge_.types = {"wanted"};
  a_.append(2, ids_);
  tell(a_, *a_member_);
  EXPECT_EQ(compose(2), "");
  EXPECT_TRUE(merge_.id_is_behind);
  EXPECT_EQ(merge_.resume_id(ids_), "e-2");
}

}  // namespace
}  // namespace ringcast
