// The access file: who may do what. YAML, read at the start and at SIGHUP.
//
//   anonymous: {subscribe: [public.*]}       # of whoever brings nothing; left out: nothing
//   keys:                                    # of API keys, of which only hashes are kept
//     ingest: {hash: "sha256:9f86…", publish: [metrics.*]}
//     console: {hash: "sha256:60303…", subscribe: ["*"], tools: ["*"], admin: true}
//   jwt:
//     jwks: /etc/ringcast/keys.json          # a file, or the https:// address of a provider
//     issuer: https://id.example             # `iss` must be it
//     audience: [ringcast]                   # `aud` must be or have one of these; "*": any
//     resource: https://events.example.org   # what clients call this server; an audience, too
//     authorization_servers: [https://id.example]   # who gives tokens; as a rule the issuer
//     algorithms: [RS256, ES256, EdDSA]      # HS256 too if the key set has a symmetric key
//     claim: ringcast                        # an object of grants; `scope` has them as words
//     grants: {subscribe: [news.*]}          # of every valid token, beside its own
//     leeway_s: 60                           # by which clocks may differ
//     refresh_s: 600                         # after which a provider is asked again
//     allow_insecure: true                   # an http:// address that is not on this machine
//     max_keys: 64                           # of the key set; what is beyond is left out
//     max_key_set_bytes: 256KiB              # of its text
//     requests_per_minute: 6000              # of each subject; keys may have it, too
//   cookie: ringcast_token                   # in which a browser may keep a token
//
// Immutable once read.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "protocol/auth/grants.h"

namespace ringcast {

using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view text);

struct ApiKey {
  std::string name;
  Sha256 hash;
  Grants grants;
  std::uint32_t requests_per_minute = 0;  // 0: as the configuration has it

  bool operator==(const ApiKey&) const = default;
};

struct JwtRules {
  std::string jwks;
  std::string issuer;                              // empty: any
  std::vector<std::string> audiences;              // `*`: any
  std::vector<std::string> authorization_servers;  // who gives tokens; as a rule the issuer
  std::string resource;  // `https://events.example.org`; empty: as it is asked
  std::vector<std::string> algorithms = {"RS256", "ES256", "EdDSA", "HS256"};
  std::string claim = "ringcast";
  Grants grants;
  std::uint32_t leeway_s = 60;
  std::uint32_t refresh_s = 600;
  bool allow_insecure = false;
  std::uint32_t max_keys = 64;
  std::uint32_t max_key_set_bytes = 256 << 10;
  std::uint32_t requests_per_minute = 0;  // of each subject; 0: as the configuration has it

  bool operator==(const JwtRules&) const = default;
  bool remote() const { return jwks.starts_with("https://") || jwks.starts_with("http://"); }
};

struct AccessPolicy {
  std::optional<Grants> anonymous;
  std::vector<ApiKey> keys;
  std::optional<JwtRules> jwt;
  std::string cookie = "ringcast_token";
};

// Errors: bad_access_file, with every problem on a line of its own, each with its file and line.
Result<AccessPolicy> read_access_policy(std::string_view yaml, std::string_view file);
Result<AccessPolicy> load_access_policy(const std::string& path);

}  // namespace ringcast
