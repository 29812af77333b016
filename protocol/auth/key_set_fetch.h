// Asking a provider for its key set over the network, with limits of time and size.
//
// Who owns what: one thread fetches; any other may cancel, and then none waits for the provider.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/result.h"
#include "protocol/auth/access_policy.h"

namespace ringcast {

class KeySetFetch {
 public:
  KeySetFetch();

  // Takes ten seconds at most. Errors: bad_key_set.
  Result<std::string> fetch(const JwtRules& rules);
  // Ends what is under way, and whatever is asked for later.
  void cancel();

 private:
  struct End {
    void operator()(void* transfers) const;
  };

  std::unique_ptr<void, End> transfers_;  // a CURLM
  std::atomic<bool> cancelled_{false};
};

}  // namespace ringcast
