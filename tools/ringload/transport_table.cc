#include "tools/ringload/transport_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "tools/ringload/figure.h"
#include "tools/ringload/report_table.h"

namespace ringcast::load {
namespace {

constexpr double kMebi = 1024.0 * 1024.0;

struct Published {
  std::string_view transport;
  TransportFigures figures;
};

// 10,000 events, FastAPI and Uvicorn with four workers.
const std::array<Published, 4> kPublished = {{
    {"WebSocket", {.mean_us = 47'000, .p95_us = 89'000, .per_s = 2'500, .bytes = 128 * kMebi}},
    {"SSE", {.mean_us = 82'000, .p95_us = 145'000, .per_s = 1'800, .bytes = 64 * kMebi}},
    {"MCP", {.mean_us = 210'000, .p95_us = 380'000, .per_s = 450, .bytes = 256 * kMebi}},
    {"HTTP chunked", {.mean_us = 450'000, .p95_us = 820'000, .per_s = 200, .bytes = 32 * kMebi}},
}};

// Curves have a step at this share.
std::optional<double> p95_us(const RunResult& run) {
  constexpr double kShare = 0.95;
  for (const CurvePoint& point : run.curve) {
    if (point.share >= kShare - 1e-9) return point.us;
  }
  return std::nullopt;
}

template <class Of>
std::optional<double> median_of(const Measurement* measurement, Of of) {
  if (measurement == nullptr) return std::nullopt;
  std::vector<double> values;
  for (const RunResult& run : measurement->runs) {
    if (const std::optional<double> value = of(run)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

TransportFigures figures_of(const ScenarioResult& result, const std::string& subject,
                            const std::string& transport) {
  const Measurement* const flat_out = result.of(subject, transport + kFlatOut);
  const Measurement* const paced = result.of(subject, transport + kPaced);
  return {.mean_us = median_of(paced, [](const RunResult& run) { return run.latency.mean_us; }),
          .p95_us = median_of(paced, p95_us),
          .per_s = median_of(
              flat_out, [](const RunResult& run) { return std::optional(run.deliveries_per_s); }),
          .bytes = median_of(flat_out, [](const RunResult& run) { return run.server_anon_bytes; })};
}

using Cells = std::vector<std::string>;

std::string cell(Unit unit, std::optional<double> value) {
  return value ? human(unit, *value) : "-";
}

Cells cells(const std::string& first, const std::string& server, const TransportFigures& figures) {
  return {first,
          server,
          cell(Unit::microseconds, figures.mean_us),
          cell(Unit::microseconds, figures.p95_us),
          cell(Unit::per_second, figures.per_s),
          cell(Unit::bytes, figures.bytes)};
}

std::string times(std::optional<double> more, std::optional<double> less) {
  if (!more || !less || *less <= 0) return "-";
  const double ratio = *more / *less;
  return ratio < 10 ? fmt::format("{:.2f} x", ratio) : fmt::format("{:.0f} x", ratio);
}

Cells ratios(const std::string& name, const TransportFigures& ours, const TransportFigures& other) {
  return {"",
          name,
          times(other.mean_us, ours.mean_us),
          times(other.p95_us, ours.p95_us),
          times(ours.per_s, other.per_s),
          times(other.bytes, ours.bytes)};
}

}  // namespace

bool TransportRow::holds() const {
  constexpr double kTimes = 100;
  return ringcast.per_s && ringcast.mean_us && ringcast.p95_us &&
         *ringcast.per_s >= kTimes * *published.per_s &&
         *ringcast.mean_us * kTimes <= *published.mean_us &&
         *ringcast.p95_us * kTimes <= *published.p95_us;
}

std::vector<TransportRow> transport_rows(const ScenarioResult& result) {
  std::vector<TransportRow> rows;
  for (const Published& each : kPublished) {
    const std::string transport(each.transport);
    const char* const ours = transport == "MCP" ? kRingcastTool : kRingcast;
    rows.push_back({.transport = transport,
                    .published = each.figures,
                    .reference = figures_of(result, kReference, transport),
                    .ringcast = figures_of(result, ours, transport)});
  }
  return rows;
}

std::string to_text(const std::vector<TransportRow>& rows) {
  std::vector<Cells> lines = {{"", "", "average", "p95", "throughput", "memory"}};
  for (const TransportRow& row : rows) {
    lines.push_back(cells(row.transport, "published", row.published));
    const bool measured = row.reference.per_s.has_value();
    if (measured) lines.push_back(cells("", "reference", row.reference));
    lines.push_back(cells("", "ringcast", row.ringcast));
    lines.push_back(ratios("better than published", row.ringcast, row.published));
    if (measured) lines.push_back(ratios("better than reference", row.ringcast, row.reference));
  }
  return aligned(lines);
}

}  // namespace ringcast::load
