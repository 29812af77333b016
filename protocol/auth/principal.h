// Who somebody is and what they may do, as far as it was shown by what they brought.
//
// Immutable once made; shared by the connections of one core.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/auth/access_policy.h"
#include "protocol/auth/grants.h"

namespace ringcast {

// What a token said that rules ask for: when they change it is held against the new ones. Its
// signature need not be checked again; that the key is still there is enough.
struct TokenProof {
  Sha256 signer{};             // SigningKey::identity
  std::string_view algorithm;  // of static storage
  std::string issuer;
  std::vector<std::string> audiences{};
  std::string claim;  // in which its grants were looked for
  std::shared_ptr<const Grants>
      own{};  // without those of every token; null: there were none of these
};

struct Principal {
  // `key:ingest`, `jwt:https://id.example sub:alice`, `anonymous`; for logs, limits and ownership.
  std::string name;
  Grants grants;
  std::int64_t expires_ms = 0;            // since 1970; 0: never
  bool nameless = false;                  // it brought nothing, and might get further if it did
  bool proved = true;                     // by a key or a token
  std::uint32_t requests_per_minute = 0;  // 0: as the configuration has it
  // By what it is known again after a reload: the hash of its key, or what its token said. Neither:
  // it brought nothing.
  Sha256 key{};
  std::shared_ptr<const TokenProof> token{};
  std::uint32_t generation = 0;  // of the configuration under which it was made
};
using PrincipalPtr = std::shared_ptr<const Principal>;

}  // namespace ringcast
