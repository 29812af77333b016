#include "protocol/auth/recent_tokens.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace ringcast {
namespace {

constexpr std::int64_t kNow = 1'000'000;

PrincipalPtr somebody(std::string name, std::int64_t expires_ms = kNow + 1) {
  Principal who;
  who.name = std::move(name);
  who.expires_ms = expires_ms;
  return std::make_shared<const Principal>(std::move(who));
}

TEST(RecentTokens, FindsWhatWasShownAndNothingElse) {
  RecentTokens tokens;
  const std::string token = "head.claims.c2lnbmF0dXJlLW9mLW5vYm9keQ";
  EXPECT_EQ(tokens.find(token, kNow), nullptr);
  const PrincipalPtr alice = somebody("alice");
  tokens.add(token, alice);
  EXPECT_EQ(tokens.find(token, kNow), alice);
  EXPECT_EQ(tokens.find("", kNow), nullptr);
  EXPECT_EQ(tokens.find(token + "x", kNow), nullptr);
  // One character anywhere makes another token, in whatever place it would stand.
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] ^= 1;
    EXPECT_EQ(tokens.find(other, kNow), nullptr) << i;
  }
}

TEST(RecentTokens, NotOnceItHasExpired) {
  RecentTokens tokens;
  tokens.add("a.b.c", somebody("alice", kNow));
  EXPECT_NE(tokens.find("a.b.c", kNow - 1), nullptr);
  EXPECT_EQ(tokens.find("a.b.c", kNow), nullptr);
}

TEST(RecentTokens, TheLatestWithTheSameEndHasThePlace) {
  RecentTokens tokens;
  tokens.add("a.b.the-same-signature", somebody("alice"));
  tokens.add("a.c.the-same-signature", somebody("bob"));
  EXPECT_EQ(tokens.find("a.b.the-same-signature", kNow), nullptr);
  const PrincipalPtr found = tokens.find("a.c.the-same-signature", kNow);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->name, "bob");
}

TEST(RecentTokens, LongOnesAreNotKeptAndNoneAfterClear) {
  RecentTokens tokens;
  const std::string most(RecentTokens::kMostBytes, 'a');
  tokens.add(most, somebody("alice"));
  tokens.add(most + "b", somebody("bob"));
  EXPECT_NE(tokens.find(most, kNow), nullptr);
  EXPECT_EQ(tokens.find(most + "b", kNow), nullptr);
  tokens.clear();
  EXPECT_EQ(tokens.find(most, kNow), nullptr);
}

}  // namespace
}  // namespace ringcast
