// JSON Web Tokens (RFC 7519) in their signed form (RFC 7515), checked as RFC 8725 asks.
//
// The signatures are checked by Rhonabwy. A token is refused unless its algorithm is one of those
// wanted and one of those the key is for, so that a public key is never taken for a secret; keys
// that a token brings along are not looked at; `exp` must be there.
//
// One thread only: each core has its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"
#include "protocol/auth/access_policy.h"
#include "protocol/auth/key_set.h"
#include "protocol/auth/principal.h"

namespace ringcast {

inline constexpr std::size_t kMostTokenBytes = 8'192;

class JwtVerifier {
 public:
  // Errors: bad_key_set.
  static Result<JwtVerifier> create(const JwtRules& rules, std::string_view key_set);

  // Errors, whose messages may be shown: bad_token (its form, signature, key or claims),
  // expired_token, early_token, wrong_issuer, wrong_audience; unknown_signer, whose key may be new.
  Result<Principal> verify(std::string_view token, std::int64_t now_ms) const;
  // The same for one that was verified under other rules and keys; it lasts as long as before.
  Result<Principal> renew(const Principal& who) const;

 private:
  struct Proved {
    std::string claims;  // JSON
    Sha256 key;
    std::string_view algorithm;
  };
  JwtVerifier(const JwtRules& rules, KeySet keys) : rules_(rules), keys_(std::move(keys)) {}
  Result<Proved> checked_claims(const std::string& token) const;

  JwtRules rules_;
  KeySet keys_;
};

}  // namespace ringcast
