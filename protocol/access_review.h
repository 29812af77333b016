// Looks again at what is open when keys, tokens or grants may have changed: after a reload, and
// when a provider has rotated its keys.
//
// Streams and WebSockets of the hub are visited slot by slot, a thousand a millisecond, and after
// them everything that has a Standing. Whoever is not known any more ends, and so does what follows
// topics that its owner's new grants do not cover; all others have the new grants from then on.
//
// One core only: each looks at its own.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/subscriber.h"
#include "core/task.h"
#include "protocol/auth/standing.h"

namespace ringcast {

class Service;

class AccessReview {
 public:
  explicit AccessReview(Service& service) : service_(service) {}

  // Begins, or begins anew.
  void begin();
  // Who that is now; null: nobody any more.
  PrincipalPtr renew(const PrincipalPtr& who);
  // Somebody who was let in a moment ago has joined the hub: the reload may have come in between.
  void joined(const PrincipalPtr& who);

 private:
  struct Renewed {
    PrincipalPtr had;
    PrincipalPtr now;
  };
  static Task<void> run(AccessReview* self);
  PrincipalPtr renewed(const PrincipalPtr& who) const;
  void look_at(Subscriber& subscriber);

  Service& service_;
  std::unordered_map<const Principal*, Renewed> renewed_;  // while it runs
  bool running_ = false;
  bool again_ = false;
};

// The last bytes of a stream that ends so, in its form; of static storage.
std::string_view sse_ending(StandingEnd why);
std::string_view ws_ending(StandingEnd why);

}  // namespace ringcast
