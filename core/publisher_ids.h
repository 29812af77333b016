// The ids that publishers gave to a topic's events, so that one sent twice is stored once.
//
// An open-addressed table of 128-bit hashes (seeded at random per process: collisions cannot be
// prepared) and event numbers. Entries of events that left the history are stale, not removed; they
// go when the table is rebuilt. It costs nothing for topics whose publishers give no ids.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ringcast {

class PublisherIds {
 public:
  // The number stored under the id if it is at least first_number; 0 otherwise.
  std::uint64_t find(std::string_view id, std::uint64_t first_number) const;
  void insert(std::string_view id, std::uint64_t number, std::uint64_t first_number);
  std::size_t allocated_bytes() const { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::array<std::uint64_t, 2> hash;
    std::uint64_t number;  // 0: free
  };
  static std::array<std::uint64_t, 2> hash_of(std::string_view id);
  void place(const Slot& slot);
  void rebuild(std::uint64_t first_number);

  std::vector<Slot> slots_;  // a power of two, at most three quarters full
  std::size_t used_ = 0;
};

}  // namespace ringcast
