// What is open under somebody's name, and lasts only as long as what was brought for it holds.
//
// A Standing is part of whatever is open: a stream of MCP, a call, a session, a publish that goes
// on. It ends by itself when its token expires, and is looked at again after a reload: then it is
// given its owner's new grants, or ends if the key or token is not known any more, or does not
// cover it any more. Ends of very many are spread over half a second. Streams and WebSockets of
// the hub cost less: the hub keeps their time to end, and their owner (Subscription::owner).
//
// One core only: the Standings are their core's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string_view>

#include "core/list.h"
#include "core/reactor.h"
#include "core/timer_wheel.h"
#include "protocol/auth/principal.h"

namespace ringcast {

// How much later ends what carries the reason for another's end.
inline constexpr std::int64_t kGraceNs = 250'000'000;

enum class StandingEnd : std::uint8_t { expired, revoked };
// `expired_token` and `access_revoked`, and the same for people.
std::string_view standing_code(StandingEnd why);
std::string_view standing_message(StandingEnd why);

class Standings;
struct StandingHook : ListHook {};

class Standing : StandingHook, Timer {
 public:
  // It is told this much later: so that who is told before may say why.
  explicit Standing(std::int64_t grace_ns = 0) : Timer(due), grace_ns_(grace_ns) {}
  Standing(const Standing&) = delete;
  Standing& operator=(const Standing&) = delete;

  // From now on it may be told. Nothing happens where everybody may do everything: `all` or `who`
  // is null then.
  void begin(Standings* all, PrincipalPtr who);
  void leave();
  // Null if it has not begun.
  const PrincipalPtr& who() const { return who_; }
  // Somebody of the same name goes on with it, with another key or token perhaps.
  void pass_to(const PrincipalPtr& who);

 protected:
  ~Standing() = default;
  // It has to end. Comes from a timer, never out of begin(); once for each reason.
  virtual void over(StandingEnd why) = 0;
  // Whether what it does is granted to its owner, who() now, whose grants have changed.
  virtual bool covered() { return true; }

 private:
  friend class Standings;
  friend class List<Standing, StandingHook>;
  static void due(Timer& timer);
  void await_expiry();

  Standings* all_ = nullptr;
  PrincipalPtr who_;
  std::int64_t grace_ns_;
  bool revoked_ = false;
};

class Standings {
 public:
  // Who that is now; null: nobody any more.
  using Renew = std::function<PrincipalPtr(const PrincipalPtr&)>;
  Standings(Reactor& reactor, Renew renew);

  // After a reload: review_some() looks at everything once, `most` of them a call. False: at all.
  void begin_review();
  bool review_some(std::size_t most);
  // When the next one that lost its access ends, from now on.
  std::int64_t next_delay_ns();
  PrincipalPtr renew(const PrincipalPtr& who) const { return renew_(who); }
  // A principal's end, on the reactor's clock; 0: none.
  std::int64_t ends_at_ns(const Principal& who) const;

 private:
  friend class Standing;
  void look_at(Standing& standing);

  Reactor& reactor_;
  Renew renew_;
  List<Standing, StandingHook> open_;
  List<Standing, StandingHook> unreviewed_;
  std::size_t ended_ = 0;  // in this review
  std::minstd_rand jitter_;
};

}  // namespace ringcast
