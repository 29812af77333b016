// Which names and origins are let in: the tables of what browsers send, and of what they never do.
#include "protocol/site_policy.h"

#include <gtest/gtest.h>

namespace ringcast {
namespace {

struct Case {
  std::string_view rule;
  std::string_view text;
  bool good;
};

TEST(SitePolicy, Origins) {
  constexpr Case kCases[] = {
      {"*", "https://anything.example", true},
      {"*", "null", true},
      {"null", "null", true},
      {"null", "https://null", false},
      {"https://a.example", "null", false},
      {"https://a.example", "https://a.example", true},
      {"https://a.example", "https://A.Example", true},
      {"https://a.example", "https://a.example:443", true},
      {"https://a.example:443", "https://a.example", true},
      {"https://a.example", "https://a.example:8443", false},
      {"https://a.example", "http://a.example", false},
      {"https://a.example", "https://a.example.evil.test", false},
      {"https://a.example", "https://evil.test/https://a.example", false},
      {"https://a.example", "https://a.example@evil.test", false},
      {"https://a.example", "https://b.a.example", false},
      {"https://a.example", "a.example", false},
      {"https://a.example", "https://", false},
      {"https://a.example", "", false},
      {"https://*.a.example", "https://b.a.example", true},
      {"https://*.a.example", "https://c.b.a.example", true},
      {"https://*.a.example", "https://a.example", false},
      {"https://*.a.example", "https://.a.example", false},
      {"https://*.a.example", "https://xa.example", false},
      {"https://*.a.example", "https://evil.test/.a.example", false},
      {"https://*.a.example", "https://evil.test:1.a.example", false},
      {"https://*.a.example", "https://evil.test#.a.example", false},
      {"http://localhost:*", "http://localhost", true},
      {"http://localhost:*", "http://localhost:3000", true},
      {"http://localhost:*", "http://localhost:3000.evil.test", false},
      {"http://localhost:*", "http://localhost.evil.test", false},
      {"http://localhost:*", "http://localhost:", true},
      {"http://localhost:*", "https://localhost:3000", false},
      {"http://[::1]:*", "http://[::1]:3000", true},
      {"http://[::1]:*", "http://[::2]:3000", false},
      {"http://[::1]:*", "http://::1:3000", false},
  };
  for (const Case& each : kCases) {
    EXPECT_EQ(origin_matches(each.rule, each.text), each.good) << each.rule << " " << each.text;
  }
}

TEST(SitePolicy, Hosts) {
  Config config;
  config.hosts = {"events.example.org", "*.apps.example.org"};
  const SitePolicy sites(config);
  constexpr std::string_view kGood[] = {"",
                                        "localhost",
                                        "localhost:8080",
                                        "LocalHost",
                                        "127.0.0.1",
                                        "127.0.0.1:8080",
                                        "[::1]",
                                        "[::1]:8080",
                                        "10.1.2.3",
                                        "events.example.org",
                                        "EVENTS.example.org",
                                        "events.example.org:443",
                                        "events.example.org.",
                                        "events.example.org.:443",
                                        "localhost.",
                                        "a.apps.example.org"};
  for (const auto host : kGood) EXPECT_TRUE(sites.allows_host(host)) << host;
  constexpr std::string_view kBad[] = {"evil.test",
                                       "localhost.evil.test",
                                       "127.0.0.1.evil.test",
                                       "events.example.org.evil.test",
                                       "events.example.org..",
                                       "apps.example.org.",
                                       "[::1.]",
                                       ".",
                                       "apps.example.org",
                                       ".apps.example.org",
                                       "events.example.org:80:80",
                                       "events.example.org:x",
                                       "127.0.0.1@evil.test",
                                       "127.1",
                                       "[::1",
                                       "[::1]evil.test",
                                       "[]",
                                       ":8080",
                                       "1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7.8.9.1.2.3.4.5.6.7.8.9"};
  for (const auto host : kBad) EXPECT_FALSE(sites.allows_host(host)) << host;
  config.hosts = {"events.example.org."};
  EXPECT_TRUE(SitePolicy(config).allows_host("events.example.org"));
  config.hosts = {"*"};
  EXPECT_TRUE(SitePolicy(config).allows_host("evil.test"));
}

TEST(SitePolicy, PagesOfItsOwn) {
  Config config;
  config.cors.enabled = false;
  const SitePolicy sites(config);
  EXPECT_TRUE(sites.allows_origin("http://localhost:8080", "localhost:8080"));
  EXPECT_TRUE(sites.allows_origin("https://events.example.org", "events.example.org"));
  EXPECT_TRUE(sites.allows_origin("https://events.example.org", "events.example.org:443"));
  EXPECT_FALSE(sites.allows_origin("https://events.example.org:8443", "events.example.org"));
  EXPECT_FALSE(sites.allows_origin("http://localhost:3000", "localhost:8080"));
  EXPECT_FALSE(sites.allows_origin("https://evil.test", "events.example.org"));
  EXPECT_FALSE(sites.allows_origin("null", "events.example.org"));
  EXPECT_FALSE(sites.allows_origin("https://evil.test", ""));
}

TEST(SitePolicy, Rules) {
  constexpr Case kOrigins[] = {
      {"", "*", true},
      {"", "null", true},
      {"", "https://a.example", true},
      {"", "https://*.a.example:8443", true},
      {"", "http://localhost:*", true},
      {"", "http://[::1]:*", true},
      {"", "app://obsidian.md", true},
      {"", "a.example", false},
      {"", "https://a.example/", false},
      {"", "https://a.example/path", false},
      {"", "https://*", false},
      {"", "https://a.*.example", false},
      {"", "https://a.example:https", false},
      {"", "https://a example", false},
      {"", "://a.example", false},
      {"", "", false},
  };
  for (const Case& each : kOrigins) EXPECT_EQ(is_origin_rule(each.text), each.good) << each.text;
  EXPECT_TRUE(is_host_rule("events.example.org"));
  EXPECT_TRUE(is_host_rule("*.example.org"));
  EXPECT_TRUE(is_host_rule("::1"));
  EXPECT_FALSE(is_host_rule("events.example.org:80"));
  EXPECT_FALSE(is_host_rule("https://events.example.org"));
  EXPECT_FALSE(is_host_rule("*example.org"));
}

}  // namespace
}  // namespace ringcast
