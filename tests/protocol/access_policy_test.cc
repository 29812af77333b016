// The access file: what it says, what is wrong with it, and what a new one has changed.
#include "protocol/auth/access_policy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "protocol/auth/access_changes.h"

namespace ringcast {
namespace {

// SHA-256 of `abc` (FIPS 180-2, appendix B.1) and of nothing.
constexpr std::string_view kAbc =
    "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kNothing =
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

AccessPolicy policy_of(std::string_view yaml) {
  auto policy = read_access_policy(yaml, "f");
  EXPECT_TRUE(policy) << policy.error().message;
  return policy ? std::move(*policy) : AccessPolicy{};
}

std::string problems_of(std::string_view yaml) {
  const auto policy = read_access_policy(yaml, "f");
  return policy ? "" : policy.error().message;
}

std::string key(std::string_view name, std::string_view hash, std::string_view more = {}) {
  return fmt::format("  {}: {{hash: '{}'{}}}\n", name, hash, more);
}

TEST(AccessPolicy, SaysWhoMayWhat) {
  const AccessPolicy policy =
      policy_of("anonymous: {subscribe: [public.*]}\ncookie: c\nkeys:\n" +
                key("a", kAbc, ", publish: [x.*, y], requests_per_minute: 7") +
                key("b", kNothing, ", admin: true") +
                "jwt: {jwks: https://id.example/k, issuer: https://id.example, resource: "
                "'https://e.example/',"
                " algorithms: [PS384], refresh_s: 10, max_keys: 3, max_key_set_bytes: 2KiB}\n");
  EXPECT_TRUE(policy.anonymous->allows(Action::subscribe, "public.news"));
  EXPECT_FALSE(policy.anonymous->allows(Action::publish, "public.news"));
  EXPECT_EQ(policy.cookie, "c");
  ASSERT_EQ(policy.keys.size(), 2U);
  EXPECT_EQ(policy.keys[0].hash, sha256("abc"));
  EXPECT_EQ(policy.keys[0].requests_per_minute, 7U);
  EXPECT_TRUE(policy.keys[0].grants.allows(Action::publish, "x.1"));
  EXPECT_TRUE(policy.keys[1].grants.admin());
  const JwtRules& jwt = *policy.jwt;
  EXPECT_EQ(jwt.audiences, (std::vector<std::string>{"https://e.example", "https://e.example/",
                                                     "https://e.example/mcp"}));
  EXPECT_EQ(jwt.authorization_servers, std::vector<std::string>{"https://id.example"});
  EXPECT_EQ(jwt.max_keys, 3U);
  EXPECT_EQ(jwt.max_key_set_bytes, 2048U);
  EXPECT_TRUE(policy_of("").keys.empty());
}

TEST(AccessPolicy, KeysAreNamedAndGivenOnce) {
  EXPECT_EQ(problems_of("keys:\n" + key("a", kAbc) + key("b", kNothing) + key("a", kNothing)),
            "f:4: keys: a stands here twice");
  EXPECT_EQ(problems_of("keys:\n" + key("a", kAbc) + key("b", kAbc)),
            "f:3: keys: a and b are the same key");
  EXPECT_EQ(problems_of("cookie: a\ncookie: b\n"),
            "f:2: the access file: cookie stands here twice");
  EXPECT_TRUE(problems_of("keys:\n  a: {hash: 1, hash: 2}\n").contains("hash stands here twice"));
}

TEST(AccessPolicy, EveryProblemIsTold) {
  const std::string problems = problems_of(
      "anonymus: {}\nkeys:\n  a: {publish: [x]}\njwt:\n  jwks: http://id.example/k\n"
      "  refresh_s: 9\n  algorithms: [none]\n  leeway_s: -1\n  max_keys: 0\n"
      "  max_key_set_bytes: 20MiB\n");
  for (const char* part :
       {"f:1: anonymus: no such key; did you mean anonymous?", "f:3: a: expected hash",
        "f:5: jwks: over http://", "f:6: refresh_s: expected at least 10 seconds",
        "f:7: algorithms: `none` is none of RS256", "f:8: leeway_s: expected seconds, from 0 to",
        "f:9: max_keys: expected keys, from 1 to 1000",
        "f:10: max_key_set_bytes: expected bytes such as 64KiB, from 1KiB to 16MiB",
        "audience is missing"}) {
    EXPECT_TRUE(problems.contains(part)) << part << "\n" << problems;
  }
  EXPECT_TRUE(problems_of("a: [").starts_with("f:"));
  EXPECT_EQ(problems_of("[]"), "f:1: the access file: expected keys and values");
}

TEST(AccessPolicy, ChangesAreNamed) {
  const Access before{.policy = policy_of("keys:\n" + key("a", kAbc) + key("b", kNothing)),
                      .key_set = "{}"};
  const Access after{.policy = policy_of("anonymous: {}\nkeys:\n" +
                                         key("b", kNothing, ", admin: true") + key("c", kAbc)),
                     .key_set = {}};
  const AccessChanges changes = compare_access(&before, &after);
  EXPECT_EQ(listed(changes.added), "c");
  EXPECT_EQ(listed(changes.removed), "a");
  EXPECT_EQ(listed(changes.changed), "b");
  EXPECT_EQ(listed(changes.other), "anonymous,key_set");
  EXPECT_TRUE(compare_access(&before, &before).empty());
  EXPECT_TRUE(compare_access(nullptr, nullptr).empty());
  EXPECT_EQ(listed(compare_access(nullptr, &before).added), "a,b");
  EXPECT_EQ(listed(std::vector<std::string>(23, "k")).substr(38), "k and 3 more");
}

}  // namespace
}  // namespace ringcast
