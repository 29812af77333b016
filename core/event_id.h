// Event ids: where a subscriber is, in a form that it can hand back.
//
// Every home core numbers its events with one counter over all its topics. The number on the wire
// is counter * homes + home, so one integer names both; numbers of one topic only ever grow. An id
// is `EPOCH-N` for one event, and `EPOCH-N-M-…` on a connection whose topics live on several home
// cores: one number for each of them, everything up to it delivered. The epoch changes with every
// start of a server whose history does not survive, so that an old id is never mistaken for a new
// one.
//
//   id     = epoch 1*8number           at most 128 bytes, whatever the numbers
//   epoch  = 1*16(DIGIT / a-z)
//   number = "-" 1*19DIGIT             decimal, as numbers below 10^13 are written
//          / "." 9*13(DIGIT / a-z)     base 36, as all others are; no leading zeros
//
// Longer ids, or other characters, would make browsers preflight every cross-origin reconnect.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringcast {

// More homes than this would not fit into an id; further cores only fan out.
inline constexpr unsigned kMostHomes = 8;
inline constexpr std::size_t kMostIdBytes = 128;
inline constexpr std::size_t kMostEpochBytes = 16;

// For each home: the number up to which all was delivered; 0 if the id does not say.
struct Position {
  std::array<std::uint64_t, kMostHomes> number{};
};

enum class IdProblem { none, malformed, epoch };

struct ParsedId {
  IdProblem problem = IdProblem::none;
  Position position;
};

class EventIds {
 public:
  EventIds() = default;
  EventIds(std::string epoch, unsigned homes);

  // An epoch from the time of the start, in base 36: different for every start.
  static std::string epoch_at(std::int64_t wall_clock_ms);

  const std::string& epoch() const { return epoch_; }
  unsigned homes() const { return homes_; }
  unsigned home_of(std::uint64_t number) const { return static_cast<unsigned>(number % homes_); }

  // Writes an id (at most kMostIdBytes) to `out` and returns its end.
  char* write(char* out, std::uint64_t number) const;
  char* write(char* out, const Position& position) const;
  std::string text(std::uint64_t number) const;
  std::string text(const Position& position) const;

  ParsedId parse(std::string_view id) const;

 private:
  std::string epoch_ = "0";
  unsigned homes_ = 1;
};

}  // namespace ringcast
