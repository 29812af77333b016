// Two sets of measurements compared: what got better or worse, by more than the runs differ anyway.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/ringload/figure.h"
#include "tools/ringload/measurement.h"

namespace ringcast::load {

enum class Verdict : std::uint8_t { same, better, worse };

struct Change {
  const Figure* figure = nullptr;
  Spread before;
  Spread after;
  std::optional<double> ratio;  // after / before, of the medians
  Verdict verdict = Verdict::same;
};

// Better or worse is what the median moved by more than `bound` (0.05) of the one before, if no run
// of the one side reaches into those of the other. Of correctness, the worst run of each counts,
// and any more is worse.
Change compare(const Figure& figure, const Spread& before, const Spread& after, double bound);

struct MeasurementDiff {
  std::string name;
  std::vector<Change> changes;
  std::vector<std::string> warnings;  // of the runs of both
};

struct Diff {
  std::vector<MeasurementDiff> measurements;
  std::vector<std::string> only_before;  // their names
  std::vector<std::string> only_after;

  bool worse() const;
};

// Matches measurements by name, or the only one of each. Error: nothing_in_common.
Result<Diff> diff_of(const std::vector<Measurement>& before, const std::vector<Measurement>& after,
                     double bound);

std::string to_text(const Diff& diff, double bound);

}  // namespace ringcast::load
