// What the cores share: who they are, how events are numbered, how far each home has told the
// others.
//
// Who owns what: built before the cores run, destroyed after; each watermark has one writer, its
// home core, and says that every event up to this number has been committed and announced.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "core/event_id.h"
#include "core/topic_name.h"

namespace ringcast {

class Shard;

struct Fabric {
  Fabric(EventIds event_ids, std::size_t cores) : ids(std::move(event_ids)), shards(cores) {}

  struct alignas(64) Watermark {
    std::atomic<std::uint64_t> number{0};
  };

  const EventIds ids;
  std::vector<Shard*> shards;  // by core; set on each core before any runs
  std::array<Watermark, kMostHomes> watermarks;
  // On all homes: those that were published to, and those that somebody only waits for.
  std::atomic<std::uint64_t> topics{0};
  std::atomic<std::uint64_t> awaited_topics{0};

  unsigned homes() const { return ids.homes(); }
  unsigned home_of(std::string_view topic) const { return topic_home(topic_hash(topic), homes()); }
};

}  // namespace ringcast
