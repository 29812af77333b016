#include "protocol/auth/standing.h"

#include <algorithm>
#include <utility>

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// So many end at once; those behind them in the time given.
constexpr std::size_t kMostAtOnce = 64;
constexpr std::int64_t kSpreadNs = 500 * kNsPerMs;

}  // namespace

std::string_view standing_code(StandingEnd why) {
  return why == StandingEnd::expired ? "expired_token" : "access_revoked";
}

std::string_view standing_message(StandingEnd why) {
  return why == StandingEnd::expired ? "The token has expired."
                                     : "What was brought does not grant this any more.";
}

// --- one ---

void Standing::begin(Standings* all, PrincipalPtr who) {
  if (all == nullptr || who == nullptr) return;
  all_ = all;
  who_ = std::move(who);
  revoked_ = false;
  all->open_.push_back(*this);
  await_expiry();
  // The reload may have come between its request and now.
  all->look_at(*this);
}

void Standing::leave() {
  static_cast<StandingHook&>(*this).unlink();
  TimerWheel::disarm(*this);
  all_ = nullptr;
  who_.reset();
}

void Standing::pass_to(const PrincipalPtr& who) {
  if (all_ == nullptr || who == nullptr || who == who_ || revoked_) return;
  who_ = who;
  await_expiry();
}

void Standing::await_expiry() {
  TimerWheel::disarm(*this);
  const std::int64_t at_ns = all_->ends_at_ns(*who_);
  if (at_ns != 0) all_->reactor_.timers().arm(*this, at_ns + grace_ns_);
}

void Standing::due(Timer& timer) {
  auto& self = static_cast<Standing&>(timer);
  self.over(self.revoked_ ? StandingEnd::revoked : StandingEnd::expired);
}

// --- all of a core ---

Standings::Standings(Reactor& reactor, Renew renew)
    : reactor_(reactor),
      renew_(std::move(renew)),
      jitter_(static_cast<unsigned>(reactor.now_ns() ^ reactor.core())) {}

std::int64_t Standings::ends_at_ns(const Principal& who) const {
  if (who.expires_ms == 0) return 0;
  const std::int64_t left_ms = who.expires_ms - reactor_.driver().wall_clock_ms();
  return reactor_.now_ns() + std::max<std::int64_t>(left_ms, 1) * kNsPerMs;
}

std::int64_t Standings::next_delay_ns() {
  if (++ended_ <= kMostAtOnce) return 0;
  return static_cast<std::int64_t>(jitter_() % static_cast<std::uint64_t>(kSpreadNs));
}

void Standings::look_at(Standing& standing) {
  const PrincipalPtr had = standing.who_;
  // Its time is over anyway.
  if (had->expires_ms != 0 && had->expires_ms <= reactor_.driver().wall_clock_ms()) return;
  const PrincipalPtr now = renew_(had);
  if (now == had) return;
  if (now != nullptr) {
    standing.who_ = now;
    if (now->grants == had->grants || standing.covered()) return;
  }
  standing.revoked_ = true;
  static_cast<StandingHook&>(standing).unlink();
  reactor_.timers().arm(standing, reactor_.now_ns() + next_delay_ns() + standing.grace_ns_);
}

void Standings::begin_review() {
  ended_ = 0;
  unreviewed_.splice_back(open_);
}

bool Standings::review_some(std::size_t most) {
  while (Standing* const standing = most > 0 ? unreviewed_.pop_front() : nullptr) {
    open_.push_back(*standing);
    look_at(*standing);
    --most;
  }
  return !unreviewed_.empty();
}

}  // namespace ringcast
