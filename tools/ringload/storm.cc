#include "tools/ringload/storm.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringload/schedule.h"

namespace ringcast::load {

Storm::Storm(const Options& options, Fleet& fleet, Pacer& pacer)
    : options_(options), fleet_(fleet), pacer_(pacer), memory_(options.server_pids) {}

void Storm::begin(std::int64_t first_ns) { first_ns_ = first_ns; }

std::int64_t Storm::next_ns() const {
  if (first_ns_ < 0 || struck_ == options_.storm.count || failure_) return -1;
  return first_ns_ + Schedule::intended_ns(struck_, 1 / options_.storm.every_s);
}

void Storm::step(std::int64_t now_ns) {
  now_ns_ = now_ns;
  if (recovery_) follow(now_ns);
  if (const std::int64_t due = next_ns(); due >= 0 && now_ns >= due) strike(now_ns);
}

void Storm::check_ids() {
  for (const Fleet::Member& member : fleet_.members()) {
    const Subscriber& subscriber = *member.subscriber;
    if (member.state != Fleet::State::streaming || !subscriber.last_id().empty()) continue;
    if (!subscriber.checker().seen_any()) continue;
    failure_ = Error{"no_ids", fmt::format("The events of {} at {} have no id, so that nothing can "
                                           "be resumed: use --no-resume.",
                                           options_.target.name, options_.target.host_header())};
    return;
  }
}

void Storm::strike(std::int64_t now_ns) {
  if (recovery_) finish();
  if (options_.storm.resume) check_ids();
  if (failure_) return;
  returned_before_ = fleet_.returns().returned;
  failed_before_ = fleet_.returns().failed;
  cpu_before_ = cpu_time(options_.server_pids);
  publish_latency_.clear();
  pacer_.record_also(&publish_latency_);
  memory_.restart();
  sent_.clear();
  checked_ = 0;
  ++struck_;
  for (std::size_t index = 0; index < fleet_.size(); ++index) fleet_.send_away(index);
  recovery_.emplace(now_ns, fleet_.away());
}

void Storm::follow(std::int64_t now_ns) {
  memory_.step(now_ns);
  recovery_->see(now_ns, fleet_.away());
  if (recovery_->all_s() < 0) return;
  if (sent_.empty()) sent_ = pacer_.sent();
  if (!all_have(sent_)) return;
  recovery_->caught_up(now_ns);
  finish();
}

// Each is asked again only until it has.
bool Storm::all_have(const std::vector<std::uint64_t>& sent) {
  const auto& members = fleet_.members();
  for (; checked_ < members.size(); ++checked_) {
    const Fleet::Member& member = members[checked_];
    if (member.streams != 0 && !pacer_.has_all(*member.subscriber, sent)) return false;
  }
  return true;
}

void Storm::finish() {
  storms_.push_back(figures_of(*recovery_));
  rss_peak_bytes_ = std::max(rss_peak_bytes_, memory_.rss_bytes());
  pacer_.record_also(nullptr);
  recovery_.reset();
}

StormFigures Storm::figures_of(const Recovery& recovery) const {
  const std::uint64_t ran_ns = cpu_time(options_.server_pids).ran_ns;
  const std::uint64_t connects = fleet_.returns().returned - returned_before_;
  const double seconds = recovery.all_s() >= 0 ? recovery.all_s() : recovery.since(now_ns_);
  return {.at_s = static_cast<double>(recovery.began_ns() - first_ns_) / 1e9,
          .disconnected = recovery.away(),
          .half_s = recovery.half_s(),
          .most_s = recovery.most_s(),
          .all_s = recovery.all_s(),
          .caught_up_s = recovery.caught_up_s(),
          .connects = connects,
          .failed_connects = fleet_.returns().failed - failed_before_,
          .connects_per_s = seconds > 0 ? static_cast<double>(connects) / seconds : 0,
          .publish = summarise(publish_latency_),
          .server_cpu_s = ran_ns > cpu_before_.ran_ns
                              ? static_cast<double>(ran_ns - cpu_before_.ran_ns) / 1e9
                              : 0,
          .server_rss_peak_bytes = memory_.rss_bytes()};
}

StormsFigures Storm::figures(const SequenceTotals& totals) const {
  StormsFigures all{.storms = storms_,
                    .missed = totals.missed,
                    .away = fleet_.away(),
                    .failed_connects = fleet_.returns().failed,
                    .server_rss_peak_bytes = std::max(rss_peak_bytes_, memory_.rss_bytes()),
                    .ready = summarise(fleet_.returns().ready)};
  if (recovery_) all.storms.push_back(figures_of(*recovery_));
  return all;
}

}  // namespace ringcast::load
