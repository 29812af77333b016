#include "tools/ringload/live_progress.h"

#include <unistd.h>

#include <utility>

namespace ringcast::load {
namespace {

constexpr std::int64_t kEveryNs = 500'000'000;

double per_second(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before && seconds > 0 ? static_cast<double>(now - before) / seconds : 0;
}

}  // namespace

LiveProgress::LiveProgress(bool wanted)
    : terminal_(STDERR_FILENO), wanted_(wanted && terminal_.is_there()) {}

void LiveProgress::show(LiveState state, const Totals& totals) {
  const Totals before = shown_.value_or(totals);
  const double seconds = static_cast<double>(totals.at_ns - before.at_ns) / 1e9;
  state.deliveries_per_s = per_second(before.delivered, totals.delivered, seconds);
  state.events_per_s = per_second(before.published, totals.published, seconds);
  state.client_share = per_second(before.client_cpu_ns, totals.client_cpu_ns, seconds) / 1e9;
  if (state.phase == RunPhase::warming_up || state.phase == RunPhase::measuring) {
    if (rates_.size() == kMostRates) rates_.erase(rates_.begin());
    const bool delivers = totals.delivered != 0;
    rates_.push_back(delivers ? state.deliveries_per_s : state.events_per_s);
  }
  state.rates = rates_;
  terminal_.draw(live_lines(state, terminal_.columns()));
  shown_ = totals;
  next_ns_ = totals.at_ns + kEveryNs;
}

}  // namespace ringcast::load
