#include "protocol/access_review.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/merge.h"
#include "net/websocket_frame.h"
#include "protocol/access.h"
#include "protocol/service.h"
#include "protocol/ws_session.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostAtOnce = 1000;
constexpr std::int64_t kPauseNs = 1'000'000;

bool covers(const Principal& who, const Subscriber& subscriber) {
  bool all = true;
  for_each_name(subscriber, [&](std::string_view name) {
    all = all && who.grants.allows(Action::subscribe, name);
  });
  return all;
}

WsSession* session_of(const Subscriber& subscriber) {
  return subscriber.duplex ? dynamic_cast<WsSession*>(subscriber.duplex->input.get()) : nullptr;
}

// The last bytes of a stream whose access was taken away.
std::string_view ending_of(const Subscriber& subscriber, const WsSession* session) {
  if (session != nullptr) return ws_ending(StandingEnd::revoked);
  const auto* const lines = dynamic_cast<const LinesForm*>(subscriber.form);
  return lines != nullptr ? lines->ending(StandingEnd::revoked) : sse_ending(StandingEnd::revoked);
}

template <class Write>
std::array<std::string, 2> for_each_end(Write write) {
  return {write(StandingEnd::expired), write(StandingEnd::revoked)};
}

}  // namespace

std::string_view sse_ending(StandingEnd why) {
  static const auto texts = for_each_end([](StandingEnd end) {
    return fmt::format("event: error\ndata: {{\"code\":\"{}\",\"message\":\"{}\"}}\n\n",
                       standing_code(end), standing_message(end));
  });
  return texts[static_cast<std::size_t>(why)];
}

std::string_view ws_ending(StandingEnd why) {
  static const auto frames = for_each_end([](StandingEnd end) {
    std::string frame;
    append_close_frame(frame, ws_close::kPolicy, standing_message(end));
    return frame;
  });
  return frames[static_cast<std::size_t>(why)];
}

PrincipalPtr AccessReview::renewed(const PrincipalPtr& who) const {
  const bool asked = service_.state().features.on(Feature::stream_authentication);
  return renew_access(who, service_.authenticator(), asked);
}

// Many things may belong to one; what it is now is found once.
PrincipalPtr AccessReview::renew(const PrincipalPtr& who) {
  if (!running_) return renewed(who);
  const auto [found, made] = renewed_.try_emplace(who.get());
  if (made) found->second = {.had = who, .now = renewed(who)};
  return found->second.now;
}

void AccessReview::joined(const PrincipalPtr& who) {
  if (renew(who) != who) begin();
}

void AccessReview::begin() {
  renewed_.clear();
  again_ = true;
  if (running_) return;
  running_ = true;
  service_.background().spawn(run(this));
}

Task<void> AccessReview::run(AccessReview* self) {
  Service& service = self->service_;
  bool goes_on = true;
  while (goes_on && std::exchange(self->again_, false)) {
    service.standings().begin_review();
    std::size_t at = 0;
    const auto look = [self](Subscriber& subscriber) { self->look_at(subscriber); };
    while (goes_on && !self->again_ &&
           (service.shard().hub().for_some(at, kMostAtOnce, look) ||
            service.standings().review_some(kMostAtOnce))) {
      goes_on = co_await service.background().sleep(kPauseNs);
    }
  }
  self->running_ = false;
  self->renewed_.clear();
}

void AccessReview::look_at(Subscriber& subscriber) {
  Hub& hub = service_.shard().hub();
  WsSession* const session = session_of(subscriber);
  const PrincipalPtr had =
      session != nullptr ? session->principal()
                         : std::static_pointer_cast<const Principal>(hub.owner_of(subscriber));
  if (had == nullptr || subscriber.last_words) return;
  const std::int64_t wall_ms = service_.reactor().driver().wall_clock_ms();
  if (had->expires_ms != 0 && had->expires_ms <= wall_ms) return;  // it ends anyway
  const PrincipalPtr now = renew(had);
  if (now == had) return;
  if (now != nullptr) {
    session != nullptr ? session->pass_to(now) : hub.set_owner(subscriber, now);
    if (now->grants == had->grants) return;
    if (session != nullptr ? session->covered() : covers(*now, subscriber)) return;
  }
  const std::int64_t at_ns = service_.reactor().now_ns() + service_.standings().next_delay_ns();
  hub.end_at(subscriber, at_ns, ending_of(subscriber, session), CloseReason::revoked);
}

}  // namespace ringcast
