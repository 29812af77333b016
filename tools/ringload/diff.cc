#include "tools/ringload/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string_view>

#include "tools/ringload/report_table.h"

namespace ringcast::load {
namespace {

Verdict verdict_of(Sense sense, const Spread& before, const Spread& after, double bound) {
  if (sense == Sense::none) return Verdict::same;
  if (sense == Sense::correctness) {
    if (after.max > before.max) return Verdict::worse;
    return after.max < before.max ? Verdict::better : Verdict::same;
  }
  const double step = after.median - before.median;
  // Without a small surplus, rounding would decide about what is exactly at the bound.
  if (std::abs(step) <= std::abs(before.median) * bound * (1 + 1e-9)) return Verdict::same;
  if (after.min <= before.max && before.min <= after.max) return Verdict::same;
  return (step > 0) == (sense == Sense::more_is_better) ? Verdict::better : Verdict::worse;
}

MeasurementDiff compare_all(const Measurement& before, const Measurement& after, double bound) {
  MeasurementDiff diff{.name = before.name, .changes = {}, .warnings = {}};
  if (after.name != before.name) diff.name += " → " + after.name;
  for (const Figure& figure : all_figures()) {
    const auto was = spread_of(before, figure);
    const auto is = spread_of(after, figure);
    if (!was || !is) continue;
    diff.changes.push_back(compare(figure, *was, *is, bound));
  }
  for (const std::string& warning : warnings_of(before)) {
    diff.warnings.push_back("before: " + warning);
  }
  for (const std::string& warning : warnings_of(after)) {
    diff.warnings.push_back("after: " + warning);
  }
  return diff;
}

std::string cell(const Figure& figure, const Spread& spread) {
  const bool counts = figure.sense == Sense::correctness;
  const std::string value = human(figure.unit, counts ? spread.max : spread.median);
  const std::string least = human(figure.unit, spread.min);
  const std::string most = human(figure.unit, spread.max);
  return counts || least == most ? value : fmt::format("{} ({}..{})", value, least, most);
}

std::string_view word_of(const Change& change) {
  if (change.figure->sense == Sense::none) return "(not judged)";
  switch (change.verdict) {
    case Verdict::worse:
      return "WORSE";
    case Verdict::better:
      return "better";
    case Verdict::same:
      break;
  }
  return "";
}

bool worth_a_row(const Change& change) {
  return change.figure->usual || change.before.max > 0 || change.after.max > 0;
}

std::string text_of(const MeasurementDiff& diff) {
  std::vector<std::vector<std::string>> rows;
  rows.push_back({printable(diff.name), "before", "after", "ratio", ""});
  for (const Change& change : diff.changes) {
    if (!worth_a_row(change)) continue;
    rows.push_back({"  " + std::string(change.figure->title), cell(*change.figure, change.before),
                    cell(*change.figure, change.after),
                    change.ratio ? fmt::format("{:.3f}", *change.ratio) : "",
                    std::string(word_of(change))});
  }
  std::string out = aligned(rows);
  for (const std::string& warning : diff.warnings) {
    out += "  warning: " + printable(warning) + "\n";
  }
  return out;
}

std::size_t count(const Diff& diff, Verdict verdict) {
  std::size_t found = 0;
  for (const MeasurementDiff& each : diff.measurements) {
    found += static_cast<std::size_t>(std::ranges::count(each.changes, verdict, &Change::verdict));
  }
  return found;
}

}  // namespace

Change compare(const Figure& figure, const Spread& before, const Spread& after, double bound) {
  Change change{.figure = &figure, .before = before, .after = after, .ratio = {}};
  if (before.median > 0 && figure.sense != Sense::correctness) {
    change.ratio = after.median / before.median;
  }
  change.verdict = verdict_of(figure.sense, before, after, bound);
  return change;
}

bool Diff::worse() const { return count(*this, Verdict::worse) != 0; }

Result<Diff> diff_of(const std::vector<Measurement>& before, const std::vector<Measurement>& after,
                     double bound) {
  Diff diff;
  if (before.size() == 1 && after.size() == 1) {
    diff.measurements.push_back(compare_all(before[0], after[0], bound));
    return diff;
  }
  for (const Measurement& was : before) {
    const auto is = std::ranges::find(after, was.name, &Measurement::name);
    if (is == after.end()) {
      diff.only_before.push_back(was.name);
    } else {
      diff.measurements.push_back(compare_all(was, *is, bound));
    }
  }
  for (const Measurement& is : after) {
    if (std::ranges::find(before, is.name, &Measurement::name) == before.end()) {
      diff.only_after.push_back(is.name);
    }
  }
  if (diff.measurements.empty()) {
    return fail("nothing_in_common", "No measurement of the one file has a name of the other.");
  }
  return diff;
}

std::string to_text(const Diff& diff, double bound) {
  std::string out;
  for (const MeasurementDiff& each : diff.measurements) out += text_of(each) + "\n";
  for (const std::string& name : diff.only_before) {
    out += fmt::format("only before: {}\n", printable(name));
  }
  for (const std::string& name : diff.only_after) {
    out += fmt::format("only after: {}\n", printable(name));
  }
  const std::size_t worse = count(diff, Verdict::worse);
  const std::size_t better = count(diff, Verdict::better);
  out +=
      fmt::format("{} worse, {} better by more than {:g} % and beyond the spread of the runs.\n",
                  worse == 0 ? "Nothing" : fmt::format("{} figure{}", worse, worse == 1 ? "" : "s"),
                  better == 0 ? "nothing" : fmt::to_string(better), 100 * bound);
  return out;
}

}  // namespace ringcast::load
