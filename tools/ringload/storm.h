// Disconnects all subscribers at once, again and again, and measures how they come back.
//
//   warm-up ─┬─ storm 1 ── every_s ─┬─ storm 2 ── every_s ─┬─ … ─ end
//            └ the measuring begins
//
// A storm lasts until all are streaming again and have caught up: have got everything that was
// published before the last of them was streaming. The next one takes whoever is streaming then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/result.h"
#include "tools/ringload/fleet.h"
#include "tools/ringload/histogram.h"
#include "tools/ringload/machine.h"
#include "tools/ringload/memory_peak.h"
#include "tools/ringload/pacer.h"
#include "tools/ringload/recovery.h"
#include "tools/ringload/return_figures.h"

namespace ringcast::load {

class Storm {
 public:
  // All must outlive it.
  Storm(const Options& options, Fleet& fleet, Pacer& pacer);

  // Times are ns since the start of the run.
  void begin(std::int64_t first_ns);
  void step(std::int64_t now_ns);
  std::int64_t next_ns() const;  // when step() has something to do; -1: nothing by the clock

  StormsFigures figures(const SequenceTotals& totals) const;
  // The server's events have no ids, so that nothing can be resumed. Null: they have.
  const Error* failure() const { return failure_ ? &*failure_ : nullptr; }

 private:
  void check_ids();
  void strike(std::int64_t now_ns);
  void follow(std::int64_t now_ns);
  bool all_have(const std::vector<std::uint64_t>& sent);
  void finish();
  StormFigures figures_of(const Recovery& recovery) const;

  const Options& options_;
  Fleet& fleet_;
  Pacer& pacer_;
  MemoryPeak memory_;
  std::int64_t first_ns_ = -1;
  std::int64_t now_ns_ = 0;
  std::uint32_t struck_ = 0;
  std::optional<Recovery> recovery_;  // under way
  std::vector<std::uint64_t> sent_;   // when the last one was streaming again; empty: not yet
  std::size_t checked_ = 0;           // members that have got all of that
  std::uint64_t returned_before_ = 0;
  std::uint64_t failed_before_ = 0;
  CpuTime cpu_before_;
  Histogram publish_latency_;
  std::uint64_t rss_peak_bytes_ = 0;
  std::vector<StormFigures> storms_;
  std::optional<Error> failure_;
};

}  // namespace ringcast::load
