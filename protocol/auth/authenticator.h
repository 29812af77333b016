// Who somebody is: a core's answer, from what a request brings.
//
// What was proved once is kept by its hash until it expires, or its key goes, so that a token costs
// its signature once, then a hash, and a comparison with each further request. One core only; the
// snapshot of the access file and the key set is shared and immutable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/result.h"
#include "protocol/auth/access_policy.h"
#include "protocol/auth/jwt_verifier.h"
#include "protocol/auth/principal.h"
#include "protocol/auth/proved_tokens.h"
#include "protocol/auth/recent_tokens.h"
#include "protocol/config.h"

namespace ringcast {

// What all cores go by: the access file, and the key set that it names, as it is now.
struct Access {
  AccessPolicy policy;
  std::string key_set;  // JSON; empty while it could not be had
};

class Authenticator {
 public:
  static constexpr std::size_t kMostKept = 10'000;

  // `shared`: what other cores have proved; null: there are none.
  explicit Authenticator(ProvedTokens* shared = nullptr) : shared_(shared) {}

  // `access` may be null: there is no access file.
  void configure(const Config::Auth& config, std::shared_ptr<const Access> access);

  // Whether anybody has to bring anything.
  bool required() const { return required_; }
  // Whether those who administer have tokens of their own.
  bool admins_are_named() const { return admins_are_named_; }
  std::string_view cookie() const { return cookie_; }

  // Of whoever brings nothing; null: that is not enough.
  PrincipalPtr anonymous() const { return anonymous_; }
  // A token of either kind, or an API key. Without `may_verify` no signature is checked. Errors:
  // those of JwtVerifier, unknown_key; not_verified, for which somebody may verify later;
  // no_key_set, while the provider has not answered yet.
  Result<PrincipalPtr> identify(std::string_view credential, std::int64_t now_ms, bool may_verify);
  Result<PrincipalPtr> identify_key(std::string_view key);
  // Who somebody with a key or a token is now, who was let in earlier; null: nobody any more. A
  // token whose provider has not answered yet is still good.
  PrincipalPtr renew(const PrincipalPtr& who) const;

 private:
  void configure_access();
  void add_key(const Sha256& hash, Principal principal);
  PrincipalPtr find_shared(const Sha256& hash, std::int64_t now_ms);
  PrincipalPtr keep(const Sha256& hash, Principal who, std::int64_t now_ms);
  const PrincipalPtr* find_key(const Sha256& hash) const;

  std::uint32_t generation_ = 0;
  bool required_ = false;
  bool admins_are_named_ = false;
  std::string cookie_;
  PrincipalPtr anonymous_;
  std::vector<std::pair<Sha256, PrincipalPtr>> keys_;  // API keys and fixed tokens
  std::shared_ptr<const Access> access_;
  std::optional<JwtVerifier> verifier_;
  std::unordered_map<Sha256, PrincipalPtr, HashOfHash> kept_;
  RecentTokens recent_;  // of those kept
  ProvedTokens* shared_;
};

}  // namespace ringcast
