#include "tools/ringload/subscriber.h"

#include "tools/ringload/fleet.h"

namespace ringcast::load {

void Subscriber::count_receive(std::size_t bytes, std::int64_t clock_ns) {
  fleet_.arrivals().count_receive(bytes, clock_ns);
}

void Subscriber::ready() {
  counted_ = true;
  fleet_.on_ready(*this);
}

void Subscriber::failed(std::string message) { fleet_.on_failed(*this, std::move(message)); }

void Subscriber::left() {
  counted_ = false;
  fleet_.on_left(*this);
}

void Subscriber::take_stamp(const Stamp& stamp) {
  Arrivals& arrivals = fleet_.arrivals();
  if (!checker_.take(stamp.publisher, stamp.sequence, arrivals.totals)) return;
  arrivals.record(stamp.intended_ns);
}

void Subscriber::take_gap() { ++fleet_.arrivals().gaps; }

void Subscriber::take_foreign() { ++fleet_.arrivals().foreign; }

}  // namespace ringcast::load
