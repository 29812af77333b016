#include "tools/ringload/fan_out.h"

#include <fmt/format.h>

#include "tools/ringload/chunked_publisher.h"
#include "tools/ringload/http_publisher.h"
#include "tools/ringload/ws_publisher.h"

namespace ringcast::load {
namespace {

Pacer::Make publishers(const Options& options, const Address& address, Loop& loop) {
  return [&](PublisherOwner& owner, std::uint32_t index) -> std::unique_ptr<Publisher> {
    const std::size_t ring = std::size_t{index} * loop.rings() / options.publishers;
    if (options.transport == Transport::chunked) {
      return std::make_unique<ChunkedPublisher>(owner, loop, ring, options, address, index);
    }
    if (options.transport == Transport::ws && !options.target.ws.publish_message.empty()) {
      return std::make_unique<WsPublisher>(owner, loop, ring, options, address, index);
    }
    return std::make_unique<HttpPublisher>(owner, loop, ring, options, address, index);
  };
}

}  // namespace

FanOut::FanOut(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals)
    : options_(options),
      arrivals_(arrivals),
      fleet_(options, address, loop, arrivals, *this),
      pacer_({.options = options, .topics = options.topics, .ramp = 0}, loop, arrivals, *this,
             publishers(options, address, loop)) {
  if (options.churn_per_s > 0) churn_.emplace(options.churn_per_s, options.subscribers);
  if (options.storm.count != 0) storm_.emplace(options, fleet_, pacer_);
}

void FanOut::connect(std::int64_t now_ns) {
  pacer_.connect(now_ns);
  fleet_.ramp(now_ns);
}

Result<void> FanOut::check() const {
  const std::string where = options_.target.host_header();
  // One in a thousand may fail: a server's limits are worth a measurement too.
  if (fleet_.failed() != 0 && fleet_.ready() == 0) {
    return fail("subscribe_failed",
                fmt::format("Cannot subscribe at {}: {}.", where, fleet_.first_error()));
  }
  if (pacer_.failed() != 0) {
    return fail("publish_failed",
                fmt::format("Cannot publish at {}: {}.", where, pacer_.first_error()));
  }
  return {};
}

std::uint64_t FanOut::failures() const {
  return fleet_.failed() + fleet_.lost() + pacer_.failed() + pacer_.refused();
}

void FanOut::begin_load(std::int64_t now_ns) {
  if (churn_) churn_->begin(now_ns);
}

void FanOut::begin_measuring(std::int64_t now_ns) {
  if (storm_) storm_->begin(now_ns);
}

void FanOut::end_load(std::int64_t now_ns) {
  if (!churn_) return;
  step(now_ns);
  churn_->end();
  const std::uint64_t due = churn_->due(now_ns);
  not_replaced_ = due > churn_->begun() ? due - churn_->begun() : 0;
}

void FanOut::step(std::int64_t now_ns) {
  if (churn_) {
    churn_->step(now_ns, [this](std::size_t index) { return fleet_.send_away(index); });
  }
  if (storm_) storm_->step(now_ns);
  fleet_.step(now_ns, options_.storm.ramp);
}

std::int64_t FanOut::next_step_ns() const {
  std::int64_t next = fleet_.next_step_ns();
  for (const std::int64_t other :
       {churn_ ? churn_->next_ns() : -1, storm_ ? storm_->next_ns() : -1}) {
    if (other >= 0 && (next < 0 || other < next)) next = other;
  }
  return next;
}

void FanOut::fill(Report& report) const {
  report.lost = arrivals_.totals.missing + pacer_.never_arrived(fleet_);
  report.subscribers_ready = static_cast<std::uint32_t>(fleet_.ready() - fleet_.slow_ready());
  report.subscribers_failed = static_cast<std::uint32_t>(fleet_.failed());
  report.subscribers_lost = static_cast<std::uint32_t>(fleet_.lost());
  const FleetReturns& returns = fleet_.returns();
  if (churn_) {
    report.churn = {
        .replaced = returns.returned, .failed = returns.failed, .ready = summarise(returns.ready)};
  }
  if (storm_) report.storms = storm_->figures(arrivals_.totals);
}

void FanOut::warn_of_returns(Report& report) const {
  const FleetReturns& returns = fleet_.returns();
  if (returns.failed != 0) {
    report.warn("{} connects of subscribers that returned failed: {}", returns.failed,
                returns.first_error);
  }
  if (not_replaced_ != 0) {
    report.warn("{} subscribers were due to be replaced and were not: too few were streaming",
                not_replaced_);
  }
  if (storm_ && fleet_.away() != 0) {
    report.warn("{} of {} subscribers were not back at the end", fleet_.away(), fleet_.size());
  }
}

void FanOut::warn(Report& report) const {
  if (fleet_.failed() != 0) {
    report.warn("{} of {} subscribers failed: {}", fleet_.failed(), fleet_.size(),
                fleet_.first_error());
  }
  if (fleet_.lost() != 0) {
    report.warn("{} subscribers were cut off: {}", fleet_.lost(), fleet_.first_error());
  }
  if (pacer_.failed() != 0) {
    report.warn("{} publishers failed: {}", pacer_.failed(), pacer_.first_error());
  }
  if (options_.transport == Transport::chunked && pacer_.unconfirmed() != 0) {
    report.warn(
        "{} events are in bodies that the server has not answered for: only holes between "
        "those that arrived count as lost",
        pacer_.unconfirmed());
  }
  warn_of_returns(report);
  if (pacer_.refused() != 0) report.warn("{} publish requests got 429 or 503", pacer_.refused());
}

}  // namespace ringcast::load
