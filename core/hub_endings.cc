// Ending subscribers: those that may stay only so long, such as those whose token expires or whose
// access is taken away, and all of them, when the server goes.
#include <algorithm>
#include <numeric>

#include "core/hub.h"
#include "core/shard.h"

namespace ringcast {
namespace {

// How many may be gone before they are looked for.
constexpr std::size_t kMostStale = 1024;

}  // namespace

void Hub::end_at(const Subscriber& subscriber, std::int64_t at_ns, std::string_view last_bytes,
                 CloseReason reason) {
  if (endings_.size() > 2 * live_ + kMostStale) {
    std::erase_if(endings_, [this](const Ending& one) { return !find(one.slot, one.serial); });
    std::make_heap(endings_.begin(), endings_.end());
  }
  endings_.push_back({.at_ns = at_ns,
                      .slot = subscriber.slot,
                      .serial = subscriber.serial,
                      .reason = reason,
                      .with = last_bytes});
  std::push_heap(endings_.begin(), endings_.end());
}

void Hub::end_due() {
  while (!endings_.empty() && endings_.front().at_ns <= reactor_.now_ns()) {
    std::pop_heap(endings_.begin(), endings_.end());
    const Ending due = endings_.back();
    endings_.pop_back();
    if (Subscriber* const subscriber = find(due.slot, due.serial)) {
      end(*subscriber, due.with, due.reason);
    }
  }
}

// --- all of them ---

void Hub::say_farewell(Subscriber& subscriber) {
  std::string text;
  subscriber.form->append_farewell(text, retry_ms_of_slot_[subscriber.slot]);
  give(subscriber, text);
  subscriber.last_words = true;
  subscriber.reason = CloseReason::drain;
}

Hub::DrainMessage::DrainMessage(Hub& of) : Message(at_home), hub(of) {}

void Hub::DrainMessage::at_home(Message& message) {
  auto& self = static_cast<DrainMessage&>(message);
  self.handler = returned;
  Reactor::current()->send_to(self.hub.reactor_, self);
}

void Hub::DrainMessage::returned(Message& message) {
  Hub& hub = static_cast<DrainMessage&>(message).hub;
  if (--hub.drain_answers_due_ == 0) hub.end_all();
}

void Hub::drain(double streams_per_s) {
  if (draining_) return;
  draining_ = true;
  leaving_per_s_ = streams_per_s;
  for (unsigned home = 0; home < fabric_.homes(); ++home) {
    if (home == reactor_.core()) continue;
    ++drain_answers_due_;
    // The hub's, since the cores may stop before it is back.
    drain_messages_.push_back(std::make_unique<DrainMessage>(*this));
    reactor_.send_to(fabric_.shards[home]->reactor(), *drain_messages_.back());
  }
  if (drain_answers_due_ == 0) end_all();
}

void Hub::end_all() {
  leaving_.reserve(live_);
  for (const auto& subscriber : slots_) {
    if (subscriber) leaving_.push_back({subscriber->slot, subscriber->serial});
  }
  // Neighbours often came from one place, and would all return there together.
  std::ranges::shuffle(leaving_, jitter_);
  looked_at_leaving_ns_ = reactor_.now_ns();
  end_some();
}

// When the next to leave is to come back. Chance alone would now and then send more of them in a
// second than may leave in one; so those who leave within half of the range come back in the places
// of each other, in an order that chance decides.
std::uint32_t Hub::next_retry_ms() {
  const std::uint32_t least = options_.drain_retry_min_ms;
  const std::uint32_t range = std::max(options_.drain_retry_max_ms, least) - least;
  if (leaving_per_s_ == 0) return least + static_cast<std::uint32_t>(jitter_() % (range + 1));
  const double half_ms = range / 2.0;
  if (at_place_ == places_.size()) {
    const auto in_half = static_cast<std::size_t>(leaving_per_s_ * half_ms / 1000);
    places_.resize(std::clamp<std::size_t>(in_half, 1, leaving_.size() + 1));
    std::iota(places_.begin(), places_.end(), 0);
    std::ranges::shuffle(places_, jitter_);
    at_place_ = 0;
  }
  const double places_later =
      static_cast<double>(places_[at_place_]) - static_cast<double>(at_place_);
  ++at_place_;
  return least + static_cast<std::uint32_t>(half_ms + places_later * 1000 / leaving_per_s_);
}

// One that came while the others leave.
void Hub::end_after_all(Subscriber& subscriber) {
  leaving_.push_back({subscriber.slot, subscriber.serial});
}

void Hub::end_some() {
  if (leaving_.empty()) return;
  const auto passed_ns = static_cast<double>(reactor_.now_ns() - looked_at_leaving_ns_);
  looked_at_leaving_ns_ = reactor_.now_ns();
  // What a late look has missed is not made up for: that would be a burst.
  const double most = std::max(1.0, leaving_per_s_ * 2 * Shard::kMaintainEveryNs / 1e9);
  may_leave_ = std::min(may_leave_ + leaving_per_s_ * passed_ns / 1e9, most);
  while (!leaving_.empty() && (leaving_per_s_ == 0 || may_leave_ >= 1)) {
    const Leaving next = leaving_.back();
    leaving_.pop_back();
    Subscriber* const subscriber = find(next.slot, next.serial);
    if (subscriber == nullptr) continue;
    may_leave_ -= 1;
    retry_ms_of_slot_.resize(slots_.size());
    retry_ms_of_slot_[next.slot] = next_retry_ms();
    subscriber->farewell = true;
    if (subscriber->state == SubscriberState::idle) queue(*subscriber);
  }
}

}  // namespace ringcast
