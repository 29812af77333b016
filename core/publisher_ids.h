// The ids that publishers gave to a topic's events, so that one sent twice is stored once.
//
// An open-addressed table of 128-bit hashes (seeded at random per process: collisions cannot be
// prepared) and event numbers. Entries of events that left the history are stale, not removed; they
// go when the table is rebuilt. It costs nothing for topics whose publishers give no ids. A process
// that takes over from another takes its seeds over, before it has any ids.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace ringcast {

class PublisherIds {
 public:
  using Hash = std::array<std::uint64_t, 2>;
  using Seeds = std::array<std::uint64_t, 2>;

  static Seeds seeds();
  static void adopt_seeds(const Seeds& seeds);
  static Hash hash_of(std::string_view id);

  // The number stored under the id if it is at least first_number; 0 otherwise.
  std::uint64_t find(std::string_view id, std::uint64_t first_number) const;
  void insert(std::string_view id, std::uint64_t number, std::uint64_t first_number);
  void insert(const Hash& hash, std::uint64_t number, std::uint64_t first_number);
  std::size_t allocated_bytes() const { return slots_.capacity() * sizeof(Slot); }

  // Goes through the ids of events from first_number on, from `at` (0 at the beginning) on; false
  // after the last.
  bool next(std::size_t& at, std::uint64_t first_number, Hash& hash, std::uint64_t& number) const;

 private:
  struct Slot {
    Hash hash;
    std::uint64_t number;  // 0: free
  };
  void place(const Slot& slot);
  void rebuild(std::uint64_t first_number);

  std::vector<Slot> slots_;  // a power of two, at most three quarters full
  std::size_t used_ = 0;
};

}  // namespace ringcast
