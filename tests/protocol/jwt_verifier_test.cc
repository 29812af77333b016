// Tokens: signatures of every algorithm, and what a proved token's claims mean.
#include "protocol/auth/jwt_verifier.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/protocol/token_maker.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNowS = 1'800'000'000;
constexpr std::string_view kClaims = R"({"exp":1800000060,"aud":"me","sub":"alice"})";

JwtRules rules_for(std::vector<std::string> algorithms) {
  JwtRules rules;
  rules.audiences = {"me"};
  rules.algorithms = std::move(algorithms);
  return rules;
}

// `verified`, or the code of the error.
std::string_view answer(const JwtVerifier& verifier, std::string_view token) {
  const auto verified = verifier.verify(token, kNowS * 1000);
  return verified ? "verified" : verified.error().code;
}

JwtVerifier verifier_of(const std::string& jwk, const JwtRules& rules) {
  auto made = JwtVerifier::create(rules, fmt::format(R"({{"keys":[{}]}})", jwk));
  RINGCAST_CHECK(made);
  return std::move(*made);
}

struct Kind {
  std::string name;
  const TokenMaker& maker;
};

TEST(JwtVerifier, EveryAlgorithmTakesItsOwnSignaturesOnly) {
  const TokenMaker rsa = TokenMaker::rsa(2048);
  const TokenMaker p256 = TokenMaker::ec("P-256");
  const TokenMaker p384 = TokenMaker::ec("P-384");
  const TokenMaker p521 = TokenMaker::ec("P-521");
  const TokenMaker ed25519 = TokenMaker::ed25519();
  const TokenMaker secret = TokenMaker::secret(std::string(64, 's'));
  const std::vector<Kind> kinds = {
      {"RS256", rsa},    {"RS384", rsa},    {"RS512", rsa},   {"PS256", rsa},  {"PS384", rsa},
      {"PS512", rsa},    {"ES256", p256},   {"ES384", p384},  {"ES512", p521}, {"EdDSA", ed25519},
      {"HS256", secret}, {"HS384", secret}, {"HS512", secret}};
  std::vector<std::string> names;
  names.reserve(kinds.size());
  for (const Kind& kind : kinds) names.push_back(kind.name);
  for (const Kind& kind : kinds) {
    const JwtVerifier verifier = verifier_of(
        kind.maker.jwk(fmt::format(R"(,"alg":"{}","kid":"k")", kind.name)), rules_for(names));
    const std::string good = kind.maker.token(kind.name, kClaims, R"(,"kid":"k")");
    EXPECT_EQ(answer(verifier, good), "verified") << kind.name;
    EXPECT_EQ(answer(verifier, kind.maker.token(kind.name, kClaims)), "verified") << kind.name;
    std::string changed = good;
    changed[changed.size() - 8] = changed[changed.size() - 8] == 'A' ? 'B' : 'A';
    EXPECT_EQ(answer(verifier, changed), "bad_token") << kind.name;
    // The key says what it is for, so that a token of any other algorithm has no key.
    for (const Kind& other : kinds) {
      if (other.name == kind.name) continue;
      const std::string token = other.maker.token(other.name, kClaims, R"(,"kid":"k")");
      EXPECT_EQ(answer(verifier, token), "unknown_signer") << kind.name << " " << other.name;
    }
  }
}

TEST(JwtVerifier, AKeyForOneAlgorithmIsNotUsedForAnother) {
  const TokenMaker maker = TokenMaker::rsa(2048);
  const JwtRules rules = rules_for({"RS256", "PS256"});
  const JwtVerifier only_rs = verifier_of(maker.jwk(R"(,"alg":"RS256")"), rules);
  EXPECT_EQ(answer(only_rs, maker.token("RS256", kClaims)), "verified");
  EXPECT_EQ(answer(only_rs, maker.token("PS256", kClaims)), "unknown_signer");
  EXPECT_EQ(answer(verifier_of(maker.jwk(), rules), maker.token("PS256", kClaims)), "verified");
  EXPECT_EQ(answer(verifier_of(maker.jwk(), rules), maker.token("RS512", kClaims)), "bad_token");
}

// What a token with these claims is answered.
std::string_view of_claims(std::string_view claims) {
  static const TokenMaker maker = TokenMaker::secret(std::string(32, 's'));
  static const JwtVerifier verifier = verifier_of(maker.jwk(), rules_for({"HS256"}));
  return answer(verifier, maker.token("HS256", claims));
}

TEST(JwtVerifier, Times) {
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":1799999941})"), "verified") << "60 s of leeway";
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":1799999940})"), "expired_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":0})"), "expired_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":-5})"), "expired_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":1800000060.5})"), "verified");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":9223372036854775807})"), "verified");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":1e300})"), "verified");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":99999999999999999999})"), "bad_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":1e999})"), "bad_token");
  EXPECT_EQ(of_claims(R"({"aud":"me"})"), "bad_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":"1800000060"})"), "bad_token");
  EXPECT_EQ(of_claims(R"({"aud":"me","exp":null})"), "bad_token");
  const auto with_nbf = [](std::string_view nbf) {
    return of_claims(fmt::format(R"({{"aud":"me","exp":1800000060,"nbf":{}}})", nbf));
  };
  for (const char* nbf : {"0", "-1", "1800000060", "1.5"}) EXPECT_EQ(with_nbf(nbf), "verified");
  EXPECT_EQ(with_nbf("1800000061"), "early_token");
  EXPECT_EQ(with_nbf("1e300"), "early_token");
  EXPECT_EQ(with_nbf("\"0\""), "bad_token");
}

// Of whoever brings a token with these claims.
std::string name_of(std::string_view claims) {
  const TokenMaker maker = TokenMaker::secret(std::string(32, 's'));
  const JwtVerifier verifier = verifier_of(maker.jwk(), rules_for({"HS256"}));
  const std::string all = fmt::format(R"({{"aud":"me","exp":1800000060{}}})", claims);
  const auto verified = verifier.verify(maker.token("HS256", all), kNowS * 1000);
  return verified ? verified->name : verified.error().message;
}

TEST(JwtVerifier, NobodySharesAName) {
  EXPECT_EQ(name_of(R"(,"iss":"https://id.example","sub":"alice")"),
            "jwt:https://id.example sub:alice");
  EXPECT_EQ(name_of(R"(,"iss":"b","sub":"alice")"), "jwt:b sub:alice");
  EXPECT_EQ(name_of(R"(,"iss":"b","client_id":"robot","azp":"c")"), "jwt:b client:robot");
  EXPECT_EQ(name_of(R"(,"iss":"b","sub":"","azp":"c")"), "jwt:b client:c");
  EXPECT_EQ(name_of(R"(,"sub":5)"), "The token's `sub` is no text.");
  const std::string nameless = name_of(R"(,"jti":"1")");
  EXPECT_TRUE(nameless.starts_with("jwt: token-sha256:")) << nameless;
  EXPECT_EQ(nameless, name_of(R"(,"jti":"1")"));
  EXPECT_NE(nameless, name_of(R"(,"jti":"2")"));
  // Long ones differ as a whole, and none looks like another's hash, or like issuer and subject.
  const std::string length(300, 'x');
  const std::string one = name_of(fmt::format(R"(,"sub":"{}1")", length));
  const std::string other = name_of(fmt::format(R"(,"sub":"{}2")", length));
  EXPECT_NE(one, other);
  EXPECT_LT(one.size(), 100U);
  EXPECT_NE(one, name_of(fmt::format(R"(,"sub":"{}")", one.substr(one.rfind(':') + 1))));
  EXPECT_NE(name_of(R"(,"iss":"a sub:b","sub":"c")"), name_of(R"(,"iss":"a","sub":"b sub:c")"));
  EXPECT_TRUE(name_of(R"(,"sub":"a\nb")").starts_with("jwt: sub-sha256:"));
}

TEST(JwtVerifier, AFarFutureIsATime) {
  const TokenMaker maker = TokenMaker::secret(std::string(32, 's'));
  const JwtVerifier verifier = verifier_of(maker.jwk(), rules_for({"HS256"}));
  const auto who =
      verifier.verify(maker.token("HS256", R"({"aud":"me","exp":9e18})"), kNowS * 1000);
  ASSERT_TRUE(who);
  // What is left of it in nanoseconds is a number that there is.
  EXPECT_GT(who->expires_ms, kNowS * 1000);
  EXPECT_LT(who->expires_ms, std::int64_t{9'000'000'000'000});
}

}  // namespace
}  // namespace ringcast
