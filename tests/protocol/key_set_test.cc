// Key sets: which keys are used and for what, and that a bad one harms no other.
#include "protocol/auth/key_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/protocol/token_maker.h"

namespace ringcast {
namespace {

JwtRules all_algorithms() {
  JwtRules rules;
  rules.algorithms.clear();
  for (const SignatureAlgorithm& one : kSignatureAlgorithms)
    rules.algorithms.emplace_back(one.name);
  return rules;
}

std::string set_of(const std::vector<std::string>& keys) {
  return fmt::format(R"({{"keys":[{}]}})", fmt::join(keys, ","));
}

// The names of what a key alone is good for.
std::string good_for(const std::string& jwk, const JwtRules& rules = all_algorithms()) {
  const auto set = KeySet::read(set_of({jwk}), rules);
  if (!set) return set.error().message;
  std::vector<std::string_view> names;
  for (const SignatureAlgorithm& one : kSignatureAlgorithms) {
    if (set->keys()[0].verifies(one)) names.push_back(one.name);
  }
  return fmt::format("{}", fmt::join(names, " "));
}

class KeySetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    rsa_ = new TokenMaker(TokenMaker::rsa(2048));
    weak_rsa_ = new TokenMaker(TokenMaker::rsa(1024));
  }
  static void TearDownTestSuite() {
    delete rsa_;
    delete weak_rsa_;
  }
  inline static TokenMaker* rsa_ = nullptr;
  inline static TokenMaker* weak_rsa_ = nullptr;
};

TEST_F(KeySetTest, KeysAreForTheAlgorithmsOfTheirKindAndCurve) {
  EXPECT_EQ(good_for(rsa_->jwk()), "RS256 RS384 RS512 PS256 PS384 PS512");
  EXPECT_EQ(good_for(TokenMaker::ec("P-256").jwk()), "ES256");
  EXPECT_EQ(good_for(TokenMaker::ec("P-384").jwk()), "ES384");
  EXPECT_EQ(good_for(TokenMaker::ec("P-521").jwk()), "ES512");
  EXPECT_EQ(good_for(TokenMaker::ed25519().jwk()), "EdDSA");
}

TEST_F(KeySetTest, WhatAKeySaysOfItselfHolds) {
  EXPECT_EQ(good_for(rsa_->jwk(R"(,"alg":"RS256")")), "RS256");
  EXPECT_EQ(good_for(rsa_->jwk(R"(,"alg":"PS512","use":"sig","key_ops":["verify"])")), "PS512");
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"use":"enc")")).contains("its `use` is `enc`"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"use":5)")).contains("its `use` is no text"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"key_ops":["encrypt","sign"])")).contains("no `verify`"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"key_ops":"verify")")).contains("is no list"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"alg":"RSA-OAEP")")).contains("its `alg` is `RSA-OAEP`"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"alg":"ES256")")).contains("its `alg` is `ES256`"));
  EXPECT_TRUE(good_for(TokenMaker::ec("P-384").jwk(R"(,"alg":"ES256")")).contains("`ES256`"));
  JwtRules only_ps;
  only_ps.algorithms = {"PS256"};
  EXPECT_EQ(good_for(rsa_->jwk(), only_ps), "PS256");
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"alg":"RS256")"), only_ps).contains("jwt.algorithms"));
}

TEST_F(KeySetTest, WeakKeysAreNotUsed) {
  EXPECT_EQ(good_for(TokenMaker::secret(std::string(31, 's')).jwk()),
            "The key set has no key that can be used: key 1: it is too weak: it has 248 bits, and "
            "HS256 wants at least 256.");
  EXPECT_EQ(good_for(TokenMaker::secret(std::string(32, 's')).jwk()), "HS256");
  EXPECT_EQ(good_for(TokenMaker::secret(std::string(47, 's')).jwk()), "HS256");
  EXPECT_EQ(good_for(TokenMaker::secret(std::string(48, 's')).jwk()), "HS256 HS384");
  EXPECT_EQ(good_for(TokenMaker::secret(std::string(64, 's')).jwk()), "HS256 HS384 HS512");
  const std::string for_512 = TokenMaker::secret(std::string(63, 's')).jwk(R"(,"alg":"HS512")");
  EXPECT_TRUE(good_for(for_512).contains("it has 504 bits, and HS512 wants at least 512"));
  EXPECT_TRUE(good_for(weak_rsa_->jwk()).contains("it has 1024 bits, and RS256 wants"));
  // Zeros before a number make it no stronger.
  const std::string zeros(256, 'A');
  std::string padded = weak_rsa_->jwk();
  padded.insert(padded.find(R"("n":")") + 5, zeros);
  EXPECT_TRUE(good_for(padded).contains("it has 1024 bits"));
  std::string one = rsa_->jwk();
  one.replace(one.find(R"("e":"AQAB")"), 10, R"("e":"AQ")");
  EXPECT_TRUE(good_for(one).contains("its `e` is no exponent"));
  EXPECT_TRUE(
      good_for(fmt::format(R"({{"kty":"RSA","n":"_{}","e":"AQAB"}})", std::string(2735, 'x')))
          .contains("16384 are the most"));
}

TEST_F(KeySetTest, OneBadKeyHarmsNoOther) {
  const std::vector<std::string> bad = {
      R"({"kty":"AKP","alg":"ML-DSA-44","kid":"future"})",
      R"({"kty":"EC","crv":"secp256k1","x":"AA","y":"AA","kid":"coin"})",
      R"({"kty":"OKP","crv":"X25519","x":"AA"})",
      R"({"kty":"RSA","kid":"no n"})",
      R"({"kty":"RSA","n":"+/","e":"AQAB","kid":"base64"})",
      R"({"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA","kid":"short"})",
      R"({"kty":["RSA"]})",
      R"({"kty":"RSA","n":5,"e":"AQAB"})",
      R"({"kid":5,"kty":"oct"})",
      "null",
      "[]",
      "\"key\"",
      "{}",
      weak_rsa_->jwk(R"(,"kid":"weak")"),
      rsa_->jwk(R"(,"use":"enc","kid":"enc")"),
  };
  std::vector<std::string> keys = bad;
  keys.push_back(rsa_->jwk(R"(,"kid":"good","x5c":["no certificate"],"x5u":5)"));
  const auto set = KeySet::read(set_of(keys), all_algorithms());
  ASSERT_TRUE(set) << set.error().message;
  ASSERT_EQ(set->keys().size(), 1U);
  EXPECT_EQ(set->keys()[0].kid, "good");
  ASSERT_EQ(set->left_out().size(), bad.size());
  EXPECT_EQ(set->left_out()[0].kid, "future");
  EXPECT_EQ(set->left_out()[0].why, "its kind `AKP` is none that is known here");
  EXPECT_EQ(set->left_out()[1].why, "its curve `secp256k1` is none that is known here");
  EXPECT_EQ(set->left_out()[4].why, "its `n` is no base64url");
  EXPECT_EQ(set->left_out()[5].why, "a point of P-256 has coordinates of 32 bytes");
  for (const auto& [kid, why] : set->left_out()) EXPECT_FALSE(why.empty());
}

TEST_F(KeySetTest, SetsWithoutAKeyAreErrors) {
  for (const char* text : {"", "{}", "[]", "oops", R"({"keys":{}})", R"({"keys":[)"}) {
    const auto set = KeySet::read(text, {});
    ASSERT_FALSE(set) << text;
    EXPECT_TRUE(set.error().message.contains("no JSON Web Key Set")) << text;
  }
  EXPECT_EQ(KeySet::read(R"({"keys":[]})", {}).error().message,
            "The key set has no key that can be used.");
  const std::vector<std::string> many(7, R"({"kty":"x","kid":"\u001b[31m"})");
  const auto none = KeySet::read(set_of(many), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "bad_key_set");
  EXPECT_TRUE(none.error().message.ends_with("; ….")) << none.error().message;
  EXPECT_FALSE(none.error().message.contains('\x1b'));
}

TEST_F(KeySetTest, SetsHaveLimits) {
  JwtRules rules;
  rules.max_keys = 2;
  std::vector<std::string> keys = {R"({"kty":"x"})"};
  for (int i = 0; i < 12; ++i) {
    keys.push_back(TokenMaker::ec("P-256").jwk(fmt::format(R"(,"kid":"{}")", i)));
  }
  const auto first = KeySet::read(set_of(keys), rules);
  ASSERT_TRUE(first);
  ASSERT_EQ(first->keys().size(), 2U);
  EXPECT_EQ(first->keys()[1].kid, "1");
  EXPECT_EQ(first->too_many(), 10U);
  rules.max_key_set_bytes = 1024;
  const auto large = KeySet::read(set_of(keys), rules);
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().message.contains("jwt.max_key_set_bytes"));
}

TEST_F(KeySetTest, SecretsFromTheNetworkAreNoSecrets) {
  JwtRules rules = all_algorithms();
  rules.jwks = "https://id.example/jwks.json";
  const std::string secret = TokenMaker::secret(std::string(64, 's')).jwk();
  EXPECT_TRUE(good_for(secret, rules).contains("came over the network"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"d":"AQAB")"), rules).contains("its private half"));
  EXPECT_TRUE(good_for(rsa_->jwk(R"(,"d":"AQAB")")).starts_with("RS256"));
}

TEST_F(KeySetTest, AKeyIsKnownAgain) {
  const std::string key = rsa_->jwk(R"(,"kid":"a")");
  const auto identity = [](const std::string& jwk) {
    return KeySet::read(set_of({jwk}), all_algorithms())->keys()[0].identity;
  };
  EXPECT_EQ(identity(key), identity(rsa_->jwk(R"(,"x5t":"AA","kid":"a")")));
  EXPECT_NE(identity(key), identity(rsa_->jwk()));
  EXPECT_NE(identity(key), identity(rsa_->jwk(R"(,"kid":"b")")));
  EXPECT_NE(identity(key), identity(rsa_->jwk(R"(,"kid":"a","alg":"RS256")")));
}

}  // namespace
}  // namespace ringcast
