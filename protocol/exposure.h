// Who can reach the server without having to bring anything, as far as the configuration tells.
#pragma once

#include <vector>

#include "core/result.h"
#include "protocol/config.h"

namespace ringcast {

struct Access;

// Whoever reaches us then may do everything, so a listener that can be reached from elsewhere has
// to be allowed to. `access` is null without an access file. Errors: public_without_auth.
Result<void> check_public(const std::vector<ListenAddress>& listen, const Config::Auth& auth,
                          const Access* access);

// Whether a proxy makes all of that public, although the listeners are on loopback: it goes by a
// name that is not this machine's.
bool public_behind_proxy(const Config& config, const Access* access);

}  // namespace ringcast
