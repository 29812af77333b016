#include "tools/ringload/report_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tools/ringload/figure.h"

namespace ringcast::load {
namespace {

constexpr std::string_view kGap = "  ";

using Row = std::vector<std::string>;

// Columns on a terminal; close enough for what is written in Latin letters.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cell(const Measurement& measurement, const Figure& figure) {
  const auto spread = spread_of(measurement, figure);
  if (!spread) return "-";
  const std::string median = human(figure.unit, spread->median);
  const std::string least = human(figure.unit, spread->min);
  const std::string most = human(figure.unit, spread->max);
  return least == most ? median : fmt::format("{} ({}..{})", median, least, most);
}

// Rare failures only take room where there are some.
bool worth_a_row(const std::vector<Measurement>& measurements, const Figure& figure) {
  return std::ranges::any_of(measurements, [&](const Measurement& each) {
    const auto spread = spread_of(each, figure);
    return spread && (figure.usual || spread->max > 0);
  });
}

std::vector<Row> rows_of(const std::vector<Measurement>& measurements) {
  std::vector<Row> rows(1);
  rows[0].emplace_back();
  Row runs = {"runs"};
  for (const Measurement& each : measurements) {
    rows[0].push_back(printable(each.name));
    runs.push_back(fmt::to_string(each.runs.size()));
  }
  rows.push_back(std::move(runs));
  for (const Figure& figure : all_figures()) {
    if (!worth_a_row(measurements, figure)) continue;
    Row row = {std::string(figure.title)};
    for (const Measurement& each : measurements) row.push_back(cell(each, figure));
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<std::size_t> widths_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t at = 0; at < row.size(); ++at) {
      widths[at] = std::max(widths[at], width_of(row[at]));
    }
  }
  return widths;
}

}  // namespace

std::string aligned(const std::vector<Row>& rows) {
  const auto widths = widths_of(rows);
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t at = 0; at < row.size(); ++at) {
      const std::string space(widths[at] - width_of(row[at]), ' ');
      line += at == 0 ? row[at] + space : std::string(kGap) + space + row[at];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::vector<std::string> warnings_of(const Measurement& measurement) {
  std::vector<std::pair<std::string, std::size_t>> counted;
  for (const RunResult& run : measurement.runs) {
    for (const std::string& warning : run.warnings) {
      const auto known =
          std::ranges::find(counted, warning, &std::pair<std::string, std::size_t>::first);
      if (known == counted.end()) {
        counted.emplace_back(warning, 1);
      } else {
        ++known->second;
      }
    }
  }
  std::vector<std::string> warnings;
  warnings.reserve(counted.size());
  for (const auto& [text, runs] : counted) {
    warnings.push_back(measurement.runs.size() == 1 ? text
                                                    : fmt::format("{} ({} of {} runs)", text, runs,
                                                                  measurement.runs.size()));
  }
  return warnings;
}

std::string table_of(const std::vector<Measurement>& measurements, std::size_t width) {
  const auto rows = rows_of(measurements);
  const auto widths = widths_of(rows);
  std::string out;
  for (std::size_t from = 1; from < widths.size();) {
    std::size_t used = widths[0] + kGap.size() + widths[from];
    std::size_t until = from + 1;
    while (until < widths.size() && used + kGap.size() + widths[until] <= width) {
      used += kGap.size() + widths[until++];
    }
    std::vector<Row> part;
    for (const Row& row : rows) {
      Row& cells = part.emplace_back(Row{row[0]});
      cells.insert(cells.end(), row.begin() + static_cast<std::ptrdiff_t>(from),
                   row.begin() + static_cast<std::ptrdiff_t>(until));
    }
    if (from > 1) out += "\n";
    out += aligned(part);
    from = until;
  }
  for (const Measurement& each : measurements) {
    for (const std::string& warning : warnings_of(each)) {
      out += fmt::format("warning: {}: {}\n", printable(each.name), printable(warning));
    }
  }
  return out;
}

}  // namespace ringcast::load
