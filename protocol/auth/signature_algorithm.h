// The signatures that a token may have (RFC 7518 §3.1, RFC 8037 §3.1), and the keys they take.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace ringcast {

enum class KeyKind : std::uint8_t { secret, rsa, ec, okp };

struct SignatureAlgorithm {
  std::string_view name;
  KeyKind kind;
  std::string_view curve;    // empty: any of its kind
  std::uint32_t least_bits;  // of a key: RFC 7518 §3.2, §3.3
};

inline constexpr std::array<SignatureAlgorithm, 13> kSignatureAlgorithms = {{
    {"RS256", KeyKind::rsa, "", 2048},
    {"RS384", KeyKind::rsa, "", 2048},
    {"RS512", KeyKind::rsa, "", 2048},
    {"PS256", KeyKind::rsa, "", 2048},
    {"PS384", KeyKind::rsa, "", 2048},
    {"PS512", KeyKind::rsa, "", 2048},
    {"ES256", KeyKind::ec, "P-256", 0},
    {"ES384", KeyKind::ec, "P-384", 0},
    {"ES512", KeyKind::ec, "P-521", 0},
    {"EdDSA", KeyKind::okp, "", 0},
    {"HS256", KeyKind::secret, "", 256},
    {"HS384", KeyKind::secret, "", 384},
    {"HS512", KeyKind::secret, "", 512},
}};

// Null if there is none of that name.
inline const SignatureAlgorithm* find_signature_algorithm(std::string_view name) {
  const auto* const found =
      std::ranges::find(kSignatureAlgorithms, name, &SignatureAlgorithm::name);
  return found == kSignatureAlgorithms.end() ? nullptr : found;
}

}  // namespace ringcast
