#include "tools/ringload/live_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/ringload/report.h"

namespace ringcast::load {
namespace {

constexpr std::size_t kBarColumns = 40;  // a longer one tells no more
constexpr std::size_t kFewestBarColumns = 8;
constexpr std::string_view kGap = "  ";

// Columns of what is written in Latin letters and blocks.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut(std::string text, std::size_t columns) {
  std::size_t at = 0;
  for (std::size_t seen = 0; at < text.size(); ++at) {
    if ((text[at] & 0xc0) != 0x80 && seen++ == columns) break;
  }
  text.resize(at);
  return text;
}

// As many parts on a line as fit.
void add_flowing(std::vector<std::string>& lines, const std::vector<std::string>& parts,
                 std::size_t columns) {
  std::string line;
  for (const std::string& part : parts) {
    if (!line.empty() && width_of(line) + kGap.size() + width_of(part) > columns) {
      lines.push_back(cut(line, columns));
      line.clear();
    }
    if (!line.empty()) line += kGap;
    line += part;
  }
  lines.push_back(cut(line, columns));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

std::string bar(double share, std::size_t columns) {
  const auto full =
      static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * static_cast<double>(columns));
  return repeated("█", full) + repeated("░", columns - full);
}

std::string_view name_of(RunPhase phase) {
  switch (phase) {
    case RunPhase::warming_up:
      return "warming up";
    case RunPhase::measuring:
      return "measuring";
    case RunPhase::draining:
      return "draining";
    case RunPhase::connecting:
      break;
  }
  return "connecting";
}

std::string how_far(const LiveState& state) {
  if (state.phase == RunPhase::connecting) {
    return fmt::format("{} of {} {}", with_commas(static_cast<double>(state.connected)),
                       with_commas(static_cast<double>(state.wanted)), state.members);
  }
  std::string text = fmt::format("{:.1f} s", state.elapsed_s);
  if (state.total_s > 0) {
    text = fmt::format("{:.1f} of {:g} s, {:.1f} s left", state.elapsed_s, state.total_s,
                       std::max(state.total_s - state.elapsed_s, 0.0));
  } else if (state.phase == RunPhase::draining) {
    text +=
        fmt::format(", {} to come",
                    with_commas(static_cast<double>(std::max<std::int64_t>(state.outstanding, 0))));
  }
  return text;
}

std::optional<double> share_of(const LiveState& state) {
  if (state.phase == RunPhase::connecting) {
    return state.wanted == 0
               ? 1
               : static_cast<double>(state.connected) / static_cast<double>(state.wanted);
  }
  return state.total_s > 0 ? std::optional(state.elapsed_s / state.total_s) : std::nullopt;
}

std::string phase_line(const LiveState& state, std::size_t columns) {
  const std::string name(name_of(state.phase));
  const std::string text = how_far(state);
  const std::size_t taken = name.size() + width_of(text) + 2 * kGap.size();
  const auto share = share_of(state);
  if (!share || taken + kFewestBarColumns > columns) {
    return cut(fmt::format("{}{}{}", name, kGap, text), columns);
  }
  return fmt::format("{}{}{}{}{}", name, kGap, bar(*share, std::min(columns - taken, kBarColumns)),
                     kGap, text);
}

std::string rate(double per_s, std::string_view what) {
  return fmt::format("{} {}/s", with_commas(per_s), what);
}

}  // namespace

std::string sparkline(const std::vector<double>& values, std::size_t columns) {
  constexpr std::array<std::string_view, 8> kBlocks = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const std::size_t count = std::min(values.size(), columns);
  const auto from = values.end() - static_cast<std::ptrdiff_t>(count);
  const double most = count == 0 ? 0 : *std::max_element(from, values.end());
  std::string out;
  for (auto value = from; value != values.end(); ++value) {
    const double height = most > 0 ? *value / most * 7.999 : 0;
    out += kBlocks[static_cast<std::size_t>(std::clamp(height, 0.0, 7.0))];
  }
  return out;
}

std::vector<std::string> live_lines(const LiveState& state, std::size_t columns) {
  columns = std::max(columns, kLeastColumns);
  std::vector<std::string> lines = {phase_line(state, columns)};
  const std::string client = fmt::format("client {:.0f} % of a core", 100 * state.client_share);
  if (state.phase == RunPhase::connecting || state.idle) {
    add_flowing(lines, {fmt::format("failures {}", state.failures), client}, columns);
    return lines;
  }
  std::vector<std::string> parts = {rate(state.deliveries_per_s, state.deliveries)};
  if (state.with_events) parts.push_back(rate(state.events_per_s, "events"));
  if (state.latency) {
    parts.push_back("p50 " + human_us(state.latency->p50_us));
    parts.push_back("p99 " + human_us(state.latency->p99_us));
    parts.push_back("max " + human_us(state.latency->max_us));
  }
  add_flowing(lines, parts, columns);
  add_flowing(lines,
              {fmt::format("lost {}", state.lost), fmt::format("duplicates {}", state.duplicates),
               fmt::format("out of order {}", state.out_of_order),
               fmt::format("failures {}", state.failures), client},
              columns);
  const std::size_t columns_of_rates = std::min(columns, kMostRates);
  if (!state.rates.empty()) lines.push_back(sparkline(state.rates, columns_of_rates));
  return lines;
}

}  // namespace ringcast::load
