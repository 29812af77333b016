#include "protocol/exposure.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/auth/authenticator.h"

namespace ringcast {
namespace {

bool open_to_all(const Config::Auth& auth, const Access* access) {
  const bool asked = auth.enabled && (!auth.tokens.empty() || access != nullptr);
  return !asked && !auth.allow_public;
}

// `127.0.0.1` and `::1` are names that only this machine goes by.
bool is_own_name(const std::string& host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         host.starts_with("127.");
}

}  // namespace

Result<void> check_public(const std::vector<ListenAddress>& listen, const Config::Auth& auth,
                          const Access* access) {
  if (!open_to_all(auth, access)) return {};
  for (const ListenAddress& address : listen) {
    if (address.local()) continue;
    return fail("public_without_auth",
                fmt::format("{} can be reached from elsewhere, and nobody has to bring "
                            "anything: name an access file (auth.access), or say that this is "
                            "wanted (auth.allow_public: true).",
                            address.address_text()));
  }
  return {};
}

bool public_behind_proxy(const Config& config, const Access* access) {
  if (!open_to_all(config.auth, access) || config.net.trusted_proxies.empty()) return false;
  return !std::ranges::all_of(config.hosts, is_own_name);
}

}  // namespace ringcast
