// The topics of all homes, by name, a portion a turn: however many there are, nobody who shares a
// core with the listing waits long for it.
//
//   TopicListing listing(shard);
//   for (;;) {
//     const std::span<TopicInfo> some = co_await listing.next();
//     if (some.empty()) break;
//     …
//   }
//
// Who owns what: a listing belongs to its caller and stays on the caller's core; a home fills one
// of its portions on its own core while the caller waits. Topics that are there all the while are
// in it; of those that come or go meanwhile, some are.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "core/shard.h"
#include "core/task.h"
#include "core/topic_table.h"

namespace ringcast {

class TopicListing {
 public:
  static constexpr std::size_t kPortion = 128;

  explicit TopicListing(Shard& shard) : shard_(shard) {}

  // Up to kPortion, the caller's until the next call; none once all have been given.
  Task<std::span<TopicInfo>> next();

 private:
  // By name.
  struct Run {
    std::vector<TopicInfo> topics;
    std::size_t at = 0;
    const std::string& name() const { return topics[at].name; }
  };

  Task<void> gather();
  void take(TopicInfo&& topic);

  Shard& shard_;
  bool gathered_ = false;
  std::vector<Run> runs_;  // a heap: the one with the least name first
  std::vector<TopicInfo> portion_;
  std::string last_;  // of what was given
};

}  // namespace ringcast
