// What one subscriber saw, and whether that is what it had to see: each event that it asked for
// once, in the order of its topic, whole, and what is missing behind a gap that says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/e2e/replay/block_reader.h"
#include "tests/e2e/replay/ledger.h"
#include "tests/e2e/replay/plan.h"

namespace ringcast {

// What a subscriber asks for.
struct Wish {
  std::vector<std::uint32_t> topics;  // sorted
  std::vector<std::uint32_t> types;   // empty: all
  bool pattern = false;               // all topics, by a pattern; `topics` lists them too
  bool composed() const { return pattern || topics.size() > 1; }
};

class Checker {
 public:
  Checker(const Plan& plan, const Ledger& ledger, Wish wish);

  // A new connection, resumed with this id (empty: from the earliest).
  void connected(std::string_view last_id);
  void take(const Block& block);
  // What can only be told when everything was published.
  void finish();

  bool complete() const { return complete_; }
  // The first thing that was wrong; empty if nothing was.
  const std::string& error() const { return error_; }
  std::string where() const;  // how far it has come
  std::uint64_t events() const { return events_; }
  std::uint64_t gaps() const { return gaps_; }
  std::uint64_t missed() const { return missed_; }

 private:
  struct TopicState {
    std::string epoch;
    std::uint64_t last_number = 0;
    std::uint64_t earliest = 0;  // as the gap said; 0 if it said null
    bool after_gap = false;
    bool epoch_gap = false;  // of reason epoch
    bool fresh = true;       // nothing seen, and not resumed
  };
  struct GapEnd {
    std::uint32_t stream, sequence;
    std::uint64_t earliest;
  };
  struct EpochStart {
    std::uint32_t stream, sequence;
    std::string epoch;
  };

  bool fail(std::string what);
  bool wants_type(std::uint32_t type) const;
  std::uint32_t next_wanted(std::uint32_t sequence) const;
  void take_gap(const Block& block);
  void take_event(const Block& block);
  bool check_content(const Block& block, const EventKey& key);
  bool check_epoch(TopicState& topic, std::uint32_t stream, std::uint32_t sequence,
                   std::string_view epoch);
  bool check_order(TopicState& topic, std::uint32_t stream, std::uint32_t sequence,
                   std::uint64_t number);
  void check_gap_end(const GapEnd& end);

  const Plan& plan_;
  const Ledger& ledger_;
  Wish wish_;
  std::vector<std::uint32_t> totals_;
  std::vector<TopicState> topics_;
  std::vector<std::uint32_t> next_;  // by stream
  std::vector<GapEnd> gap_ends_;
  std::vector<EpochStart> epoch_starts_;
  std::string resumed_after_;
  std::string expected_data_;
  std::string told_epoch_;  // by gap events
  bool complete_ = false;
  std::string error_;
  std::uint64_t events_ = 0, gaps_ = 0, missed_ = 0;
};

}  // namespace ringcast
