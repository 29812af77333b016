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
      fleet_(options, address, loop, arrivals),
      pacer_({.options = options, .topics = options.topics, .ramp = 0}, loop, arrivals, *this,
             publishers(options, address, loop)) {
  fleet_.on_lost([this](const Subscriber& subscriber) { pacer_.write_off(subscriber); });
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

void FanOut::fill(Report& report) const {
  report.lost = arrivals_.totals.missing + pacer_.never_arrived(fleet_);
  report.subscribers_ready = static_cast<std::uint32_t>(fleet_.ready() - fleet_.slow_ready());
  report.subscribers_failed = static_cast<std::uint32_t>(fleet_.failed());
  report.subscribers_lost = static_cast<std::uint32_t>(fleet_.lost());
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
  if (pacer_.refused() != 0) report.warn("{} publish requests got 429 or 503", pacer_.refused());
}

}  // namespace ringcast::load
