#include "core/segment.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

namespace ringcast {
namespace {

struct Destroy {
  void operator()(Segment* segment) const { Segment::destroy(segment); }
};
using OwnedSegment = std::unique_ptr<Segment, Destroy>;

OwnedSegment make(std::uint32_t area) { return OwnedSegment(Segment::create(area, 5)); }

bool put(Segment& segment, std::string_view text, std::uint64_t number, std::int64_t now = 1000) {
  char* const room = segment.reserve(static_cast<std::uint32_t>(text.size()));
  if (room == nullptr) return false;
  std::memcpy(room, text.data(), text.size());
  segment.commit(static_cast<std::uint32_t>(text.size()), number, now);
  return true;
}

TEST(Segment, EventsStandWhereTheyWereWritten) {
  const OwnedSegment segment = make(256);
  EXPECT_EQ(segment->committed().records, 0U);
  ASSERT_TRUE(put(*segment, "first", 10));
  ASSERT_TRUE(put(*segment, "", 12));
  ASSERT_TRUE(put(*segment, "third", 20, 1007));
  EXPECT_EQ(segment->committed().records, 3U);
  EXPECT_EQ(segment->committed().bytes, 10U);
  EXPECT_EQ(segment->event(0), "first");
  EXPECT_EQ(segment->event(1), "");
  EXPECT_EQ(segment->event(2), "third");
  EXPECT_EQ(segment->start_of(2), 5U);
  EXPECT_EQ(segment->record(2).number, 20U);
  EXPECT_EQ(segment->time_ms(2), 1007);
  EXPECT_EQ(std::string_view(segment->bytes(), 10), "firstthird");
  EXPECT_EQ(segment->serial(), 5U);
}

TEST(Segment, ReserveMoreThanIsCommitted) {
  const OwnedSegment segment = make(128);
  ASSERT_NE(segment->reserve(100), nullptr);
  segment->commit(3, 1, 1000);  // reserving bounds, committing decides
  EXPECT_EQ(segment->committed().bytes, 3U);
}

TEST(Segment, FullWhenBytesAndRecordsMeet) {
  const OwnedSegment segment = make(64);
  ASSERT_TRUE(put(*segment, std::string(16, 'a'), 1));  // 16 + 16
  ASSERT_FALSE(put(*segment, std::string(17, 'b'), 2));
  ASSERT_TRUE(put(*segment, std::string(16, 'b'), 2));  // to the last byte
  EXPECT_FALSE(put(*segment, "", 3));
  EXPECT_EQ(segment->event(0), std::string(16, 'a'));
  EXPECT_EQ(segment->event(1), std::string(16, 'b'));
  EXPECT_EQ(segment->allocated_bytes(), 64 + sizeof(Segment));
}

TEST(Segment, ReserveDoesNotOverflow) {
  const OwnedSegment segment = make(64);
  EXPECT_EQ(segment->reserve(0xffff'ffff), nullptr);
}

TEST(Segment, FirstAfter) {
  const OwnedSegment segment = make(1024);
  for (std::uint64_t number = 10; number < 60; number += 10) put(*segment, "x", number);
  EXPECT_EQ(segment->first_after(0, 5), 0U);
  EXPECT_EQ(segment->first_after(9, 5), 0U);
  EXPECT_EQ(segment->first_after(10, 5), 1U);
  EXPECT_EQ(segment->first_after(15, 5), 1U);
  EXPECT_EQ(segment->first_after(49, 5), 4U);
  EXPECT_EQ(segment->first_after(50, 5), 5U);
  EXPECT_EQ(segment->first_after(1000, 5), 5U);
  EXPECT_EQ(segment->first_after(1000, 3), 3U);  // looks at what its caller saw committed only
  EXPECT_EQ(segment->first_after(0, 0), 0U);
}

TEST(Segment, UpToABoundButAtLeastOneEvent) {
  const OwnedSegment segment = make(1024);
  for (std::uint64_t number = 1; number <= 5; ++number) put(*segment, "0123456789", number);
  const Committed all = segment->committed();
  const auto records = [&](std::uint32_t most_end, std::uint32_t from) {
    const Committed part = segment->up_to(most_end, from, all);
    EXPECT_EQ(part.bytes, part.records * 10);
    return part.records;
  };
  EXPECT_EQ(records(50, 0), 5U);
  EXPECT_EQ(records(1000, 0), 5U);
  EXPECT_EQ(records(49, 0), 4U);
  EXPECT_EQ(records(20, 0), 2U);
  EXPECT_EQ(records(5, 0), 1U);
  EXPECT_EQ(records(25, 3), 4U);
  EXPECT_EQ(segment->up_to(1000, 0, {.records = 3, .bytes = 30}).records, 3U);
}

TEST(Segment, TimesNeverGoBelowThatOfTheFirst) {
  const OwnedSegment segment = make(256);
  put(*segment, "x", 1, 5000);
  put(*segment, "x", 2, 4000);  // the wall clock went back
  put(*segment, "x", 3, 5000 + (std::int64_t{1} << 40));
  EXPECT_EQ(segment->time_ms(0), 5000);
  EXPECT_EQ(segment->time_ms(1), 5000);
  EXPECT_EQ(segment->time_ms(2), 5000 + 0xffff'ffffLL);
}

TEST(Segment, Links) {
  const OwnedSegment first = make(64);
  const OwnedSegment second = make(64);
  EXPECT_EQ(first->next(), nullptr);
  first->link(second.get());
  EXPECT_EQ(first->next(), second.get());
}

}  // namespace
}  // namespace ringcast
