#include "protocol/auth/jwt_verifier.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rhonabwy.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostNameBytes = 200;
constexpr double kMostSeconds = 4e9;  // since 1970: the year 2096

// What Rhonabwy gives back, with its end.
struct FreeText {
  void operator()(char* text) const { r_free(text); }
};
using Text = std::unique_ptr<char, FreeText>;
struct FreeToken {
  void operator()(jwt_t* token) const { r_jwt_free(token); }
};
using Token = std::unique_ptr<jwt_t, FreeToken>;
std::string_view text_of(const dom::object& claims, std::string_view name) {
  std::string_view text;
  return claims[name].get_string().get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// A time claim in ms, 0 where there is none; nothing if it is no time. What lies before 1970 or far
// in the future is as good as its beginning and its end.
std::optional<std::int64_t> time_of(const dom::object& claims, std::string_view name) {
  dom::element value;
  if (claims[name].get(value) != simdjson::SUCCESS) return 0;
  double seconds = 0;
  if (value.get_double().get(seconds) != simdjson::SUCCESS) return {};
  return static_cast<std::int64_t>(std::clamp(seconds, 0.0, kMostSeconds) * 1000);
}

// The texts of a claim that is one or a list of them.
std::vector<std::string_view> texts_of(const dom::object& claims, std::string_view name) {
  dom::array list;
  if (claims[name].get_array().get(list) != simdjson::SUCCESS) {
    const std::string_view one = text_of(claims, name);
    return one.empty() ? std::vector<std::string_view>{} : std::vector<std::string_view>{one};
  }
  std::vector<std::string_view> texts;
  for (const dom::element item : list) {
    std::string_view text;
    if (item.get_string().get(text) == simdjson::SUCCESS) texts.push_back(text);
  }
  return texts;
}

Result<std::int64_t> check_times(const dom::object& claims, const JwtRules& rules,
                                 std::int64_t now_ms) {
  if (claims["exp"].error() != simdjson::SUCCESS) {
    return fail("bad_token", "The token has no `exp`.");
  }
  const auto expires = time_of(claims, "exp");
  const auto begins = time_of(claims, "nbf");
  const std::int64_t leeway_ms = std::int64_t{rules.leeway_s} * 1000;
  if (!expires) return fail("bad_token", "The token's `exp` is no time.");
  if (!begins) return fail("bad_token", "The token's `nbf` is no time.");
  if (*expires + leeway_ms <= now_ms) return fail("expired_token", "The token has expired.");
  if (*begins - leeway_ms > now_ms) return fail("early_token", "The token is not valid yet.");
  return *expires + leeway_ms;
}

Result<void> check_names(const TokenProof& token, const JwtRules& rules) {
  if (!rules.issuer.empty() && token.issuer != rules.issuer) {
    return fail("wrong_issuer", "The token is from another issuer.");
  }
  if (std::ranges::find(rules.audiences, "*") != rules.audiences.end()) return {};
  const bool ours = std::ranges::any_of(token.audiences, [&rules](std::string_view audience) {
    return std::ranges::find(rules.audiences, audience) != rules.audiences.end();
  });
  if (!ours) return fail("wrong_audience", "The token is meant for somebody else.");
  return {};
}

std::string hex(const Sha256& hash) { return fmt::format("{:02x}", fmt::join(hash, "")); }

// `sub:alice`; of what is long, or has spaces, the hash: `sub-sha256:…`.
std::string labelled(std::string_view label, std::string_view text) {
  const bool plain = text.size() <= kMostNameBytes && std::ranges::none_of(text, [](char c) {
                       return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f;
                     });
  if (plain) return fmt::format("{}:{}", label, text);
  return fmt::format("{}-sha256:{}", label, hex(sha256(text)));
}

// No two share a name: it has the issuer, and whom that gave the token, or else which token it is.
std::string name_of(const dom::object& claims, std::string_view token) {
  const std::string issuer = labelled("jwt", text_of(claims, "iss"));
  if (const auto subject = text_of(claims, "sub"); !subject.empty()) {
    return fmt::format("{} {}", issuer, labelled("sub", subject));
  }
  for (const std::string_view claim : {"client_id", "azp"}) {
    const std::string_view client = text_of(claims, claim);
    if (!client.empty()) return fmt::format("{} {}", issuer, labelled("client", client));
  }
  return fmt::format("{} token-sha256:{}", issuer, hex(sha256(token)));
}

// The token's own. What is no grant is passed over: the claim may hold more than is for us.
Grants read_grants(const dom::object& claims, const JwtRules& rules) {
  Grants grants;
  for (const std::string_view scopes : texts_of(claims, "scope")) {
    for (std::size_t at = 0; at < scopes.size();) {
      const std::size_t end = std::min(scopes.find(' ', at), scopes.size());
      grants.add_scope(scopes.substr(at, end - at));
      at = end + 1;
    }
  }
  dom::object own;
  if (claims[rules.claim].get_object().get(own) != simdjson::SUCCESS) return grants;
  for (std::size_t i = 0; i < kActionNames.size(); ++i) {
    for (const std::string_view name : texts_of(own, kActionNames[i])) {
      grants.add(static_cast<Action>(i), name);
    }
  }
  bool admin = false;
  if (own["admin"].get_bool().get(admin) == simdjson::SUCCESS && admin) grants.make_admin();
  return grants;
}

// With those of every token.
void add_grants(Principal& who, TokenProof proof, Grants own, const JwtRules& rules) {
  who.grants = rules.grants;
  who.grants.join(own);
  if (!rules.grants.empty()) proof.own = std::make_shared<const Grants>(std::move(own));
  who.token = std::make_shared<const TokenProof>(std::move(proof));
  who.requests_per_minute = rules.requests_per_minute;
}

// One form of each token: three parts in base64url, without padding (RFC 7515 §2).
bool is_compact(std::string_view token) {
  return std::ranges::all_of(token, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
}

}  // namespace

Result<JwtVerifier> JwtVerifier::create(const JwtRules& rules, std::string_view key_set) {
  auto keys = KeySet::read(key_set, rules);
  if (!keys) return std::unexpected(std::move(keys.error()));
  return JwtVerifier(rules, std::move(*keys));
}

// The claims, once a key has proved them.
Result<JwtVerifier::Proved> JwtVerifier::checked_claims(const std::string& text) const {
  jwt_t* made = nullptr;
  if (r_jwt_init(&made) != RHN_OK) return fail("bad_token", "There is no memory for the token.");
  const Token token(made);
  if (r_jwt_advanced_parse(made, text.c_str(), R_PARSE_NONE, R_FLAG_IGNORE_REMOTE) != RHN_OK ||
      r_jwt_get_type(made) != R_JWT_TYPE_SIGN) {
    return fail("bad_token", "This is no signed token, or a number in it is too large.");
  }
  // What it says must be understood is not (RFC 7515 §4.1.11).
  const Text header(r_jwt_get_full_header_str(made));
  dom::parser parser;
  dom::element fields;
  if (header == nullptr ||
      parser.parse(std::string(header.get())).get(fields) != simdjson::SUCCESS ||
      fields["crit"].error() == simdjson::SUCCESS) {
    return fail("bad_token", "The token asks for extensions that are not taken here.");
  }
  const char* const named = r_jwa_alg_to_str(r_jwt_get_sign_alg(made));
  const SignatureAlgorithm* const algorithm = find_signature_algorithm(named ? named : "");
  if (algorithm == nullptr ||
      std::ranges::find(rules_.algorithms, algorithm->name) == rules_.algorithms.end()) {
    return fail("bad_token", "The token's algorithm is not taken here.");
  }
  const char* const kid = r_jwt_get_header_str_value(made, "kid");
  bool known = false;
  for (const SigningKey& key : keys_.keys()) {
    if (kid != nullptr && key.kid != kid) continue;
    if (!key.verifies(*algorithm)) continue;
    known = true;
    auto* const jwk = static_cast<jwk_t*>(key.key.get());
    if (r_jwt_verify_signature(made, jwk, R_FLAG_IGNORE_REMOTE) != RHN_OK) continue;
    const Text claims(r_jwt_get_full_claims_str(made));
    if (claims == nullptr) break;
    return Proved{.claims = claims.get(), .key = key.identity, .algorithm = algorithm->name};
  }
  if (!known) {
    return fail("unknown_signer", "The token is signed with a key that is not known here.");
  }
  return fail("bad_token", "The token's signature is not right.");
}

Result<Principal> JwtVerifier::verify(std::string_view token, std::int64_t now_ms) const {
  if (token.size() > kMostTokenBytes) return fail("bad_token", "The token is too long.");
  if (!is_compact(token)) return fail("bad_token", "The token is not in base64url.");
  const auto proved = checked_claims(std::string(token));
  if (!proved) return std::unexpected(proved.error());
  dom::parser parser;
  dom::object claims;
  if (parser.parse(proved->claims).get_object().get(claims) != simdjson::SUCCESS) {
    return fail("bad_token", "The token's claims are no JSON object.");
  }
  const auto expires_ms = check_times(claims, rules_, now_ms);
  if (!expires_ms) return std::unexpected(expires_ms.error());
  TokenProof proof{.signer = proved->key,
                   .algorithm = proved->algorithm,
                   .issuer = std::string(text_of(claims, "iss")),
                   .claim = rules_.claim};
  for (const std::string_view audience : texts_of(claims, "aud")) {
    proof.audiences.emplace_back(audience);
  }
  if (const auto named = check_names(proof, rules_); !named) {
    return std::unexpected(named.error());
  }
  if (claims["sub"].error() == simdjson::SUCCESS && !claims["sub"].is_string()) {
    return fail("bad_token", "The token's `sub` is no text.");
  }
  Principal who{.name = name_of(claims, token), .grants = {}, .expires_ms = *expires_ms};
  add_grants(who, std::move(proof), read_grants(claims, rules_), rules_);
  return who;
}

Result<Principal> JwtVerifier::renew(const Principal& who) const {
  const TokenProof& had = *who.token;
  if (const auto named = check_names(had, rules_); !named) {
    return std::unexpected(named.error());
  }
  // What the token has there was not read.
  if (had.claim != rules_.claim) return fail("bad_token", "The token's grants are elsewhere now.");
  const bool listed = std::ranges::count(rules_.algorithms, had.algorithm) > 0;
  const auto key = std::ranges::find(keys_.keys(), had.signer, &SigningKey::identity);
  if (!listed || key == keys_.keys().end()) {
    return fail("unknown_signer", "The token is signed with a key that is not known any more.");
  }
  const SignatureAlgorithm* const algorithm = find_signature_algorithm(had.algorithm);
  if (!key->verifies(*algorithm)) return fail("bad_token", "The key is for other tokens now.");
  Principal now = who;
  Grants own = had.own ? *had.own : who.grants;
  add_grants(now, had, std::move(own), rules_);
  return now;
}

}  // namespace ringcast
