// A JSON Web Key Set (RFC 7517 §5): the keys that may prove a token, each with what it is good for.
//
// One key that is of no use here harms no other: it is left out, and why is told. What a key says
// of itself (`alg`, `use`, `key_ops`) holds, and a key that is too weak for an algorithm is not
// used for it. Of a key only what it is made of is looked at: no certificate, no address.
//
// One thread only: the keys are Rhonabwy's, whose counts of references are plain numbers.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/auth/access_policy.h"
#include "protocol/auth/signature_algorithm.h"

namespace ringcast {

struct SigningKey {
  struct Free {
    void operator()(void* jwk) const;
  };

  bool verifies(const SignatureAlgorithm& algorithm) const {
    return algorithms[static_cast<std::size_t>(&algorithm - kSignatureAlgorithms.data())];
  }

  std::unique_ptr<void, Free> key;  // a jwk_t
  std::optional<std::string> kid;
  std::bitset<kSignatureAlgorithms.size()> algorithms;
  Sha256 identity{};  // of all that is above
};

class KeySet {
 public:
  struct LeftOut {
    std::string kid;  // empty: it has none
    std::string why;
  };

  // Errors: bad_key_set, also if no key is left.
  static Result<KeySet> read(std::string_view json, const JwtRules& rules);

  const std::vector<SigningKey>& keys() const { return keys_; }
  const std::vector<LeftOut>& left_out() const { return left_out_; }
  // How many were not looked at, because there are `max_keys` already.
  std::size_t too_many() const { return too_many_; }

 private:
  std::vector<SigningKey> keys_;
  std::vector<LeftOut> left_out_;
  std::size_t too_many_ = 0;
};

}  // namespace ringcast
