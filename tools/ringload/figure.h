// The figures that reports show and comparisons judge: what they are called, their units, where
// they are in a run, and what of them several runs have in common.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tools/ringload/measurement.h"

namespace ringcast::load {

enum class Unit : std::uint8_t { per_second, microseconds, nanoseconds, bytes, share, count };

// What a change of it means.
enum class Sense : std::uint8_t {
  more_is_better,
  less_is_better,
  correctness,  // any more is worse, however little
  none,         // tells about the measuring, or is a single value out of many
};

struct Figure {
  std::string_view name;   // "p99_us", with its unit, for programs
  std::string_view title;  // "p99", for people
  Unit unit;
  Sense sense;
  std::optional<double> (*of)(const RunResult& run);
  bool usual = true;  // shown even where it is zero everywhere
  bool late = false;  // its column of the CSV is behind those that were there before it
};

std::span<const Figure> all_figures();
// One of them; there must be one.
const Figure& figure(std::string_view name);

// Of the runs that have it.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
  std::size_t runs = 0;
};

std::optional<Spread> spread_of(const Measurement& measurement, const Figure& figure);

// The run whose p99 (or, without latencies, whose deliveries/s) is the median: the one to draw.
const RunResult& typical_run(const Measurement& measurement);

// "1,234", "1.25 ms", "87 %".
std::string human(Unit unit, double value);
// The same for pages, which have an µ.
std::string typeset(Unit unit, double value);

// Names come from files: control characters, which a terminal obeys, become U+FFFD.
std::string printable(std::string_view text);

}  // namespace ringcast::load
