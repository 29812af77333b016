// How many places each client holds: its connections, or its streams, on all cores together.
//
// Who owns what: shared by the cores. The table is split, each part with a mutex that is held for
// one lookup when a client comes and when it goes, not in between. It has an entry for each client
// that holds a place, so the limit of all connections bounds it, however many addresses there are.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace ringcast {

class ClientPlaces {
 public:
  using Key = std::array<std::uint8_t, 16>;

 private:
  struct Part;
  struct Entry {
    Part* part;
    std::uint32_t held = 0;
  };
  struct HashOf {
    std::size_t operator()(const Key& key) const;
  };
  using Map = std::unordered_map<Key, Entry, HashOf>;
  struct Part {
    std::mutex mutex;
    Map map;
  };
  struct Leave {
    void operator()(Map::value_type* entry) const;
  };

 public:
  // A place; given back when this ends. An empty one holds none.
  using Place = std::unique_ptr<Map::value_type, Leave>;

  // Null if the client holds `most` already.
  Place take(const Key& client, std::uint32_t most);
  std::uint32_t held(const Key& client);
  std::size_t clients();

 private:
  static constexpr std::size_t kParts = 64;
  Part& part_of(const Key& client) { return parts_[HashOf{}(client) % kParts]; }

  std::array<Part, kParts> parts_;
};

}  // namespace ringcast
