// What somebody may do, from names and from scopes.
#include "protocol/auth/grants.h"

#include <gtest/gtest.h>

#include <string>

namespace ringcast {
namespace {

TEST(Grants, AreOfOneKindOnly) {
  Grants grants;
  EXPECT_TRUE(grants.empty());
  ASSERT_TRUE(grants.add(Action::publish, "metrics.*"));
  EXPECT_FALSE(grants.empty());
  EXPECT_TRUE(grants.allows(Action::publish, "metrics.cpu"));
  EXPECT_FALSE(grants.allows(Action::publish, "metrics"));
  EXPECT_FALSE(grants.allows(Action::subscribe, "metrics.cpu"));
  EXPECT_TRUE(grants.allows_some(Action::publish));
  EXPECT_FALSE(grants.allows_some(Action::tools));
  EXPECT_FALSE(grants.admin());
}

TEST(Grants, OfAPatternCoverAllThatItMatches) {
  Grants grants;
  ASSERT_TRUE(grants.add(Action::subscribe, "a.*"));
  ASSERT_TRUE(grants.add(Action::subscribe, "b.1"));
  for (const char* name : {"a.*", "a.b.*", "a.*.c", "b.1"}) {
    EXPECT_TRUE(grants.allows(Action::subscribe, name)) << name;
  }
  for (const char* name : {"*", "a*", "*.1", "b.*", "b.?", ""}) {
    EXPECT_FALSE(grants.allows(Action::subscribe, name)) << name;
  }
}

TEST(Grants, NamesHaveAForm) {
  Grants grants;
  EXPECT_FALSE(grants.add(Action::tools, ""));
  EXPECT_FALSE(grants.add(Action::tools, "a b"));
  EXPECT_FALSE(grants.add(Action::tools, std::string_view("a\0b", 3)));
  EXPECT_FALSE(grants.add(Action::tools, "a\x7f"));
  EXPECT_FALSE(grants.add(Action::tools, std::string(10'000, 'x')));
  EXPECT_TRUE(grants.empty());
}

TEST(Grants, ComeFromScopes) {
  Grants grants;
  for (const char* scope : {"publish:a", "subscribe:b:c", "rooms:r", "tools:*"}) {
    EXPECT_TRUE(grants.add_scope(scope)) << scope;
  }
  EXPECT_FALSE(grants.admin());
  for (const char* scope : {"", ":", "openid", "publish", "publish:", "Publish:a", "admin:x"}) {
    EXPECT_FALSE(grants.add_scope(scope)) << scope;
  }
  EXPECT_TRUE(grants.allows(Action::subscribe, "b:c"));
  EXPECT_FALSE(grants.admin());
  EXPECT_TRUE(grants.add_scope("admin"));
  EXPECT_TRUE(grants.allows(Action::rooms, "any"));
}

TEST(Grants, Join) {
  Grants one;
  Grants other;
  one.add(Action::publish, "a");
  other.add(Action::publish, "a");
  other.add(Action::rooms, "r");
  one.join(other);
  EXPECT_EQ(one.names(Action::publish).size(), 1U);
  EXPECT_TRUE(one.allows(Action::rooms, "r"));
  one.join(Grants::everything());
  EXPECT_TRUE(one.admin());
}

}  // namespace
}  // namespace ringcast
