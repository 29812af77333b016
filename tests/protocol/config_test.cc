#include "protocol/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>
#include <string>

#include "protocol/config_keys.h"

namespace ringcast {
namespace {

class ConfigTest : public testing::Test {
 protected:
  ConfigTest()
      : path_(testing::TempDir() + "/ringcast_config_" + std::to_string(getpid()) + ".yaml") {}
  ~ConfigTest() override { std::remove(path_.c_str()); }

  std::string write(const std::string& yaml) {
    std::ofstream(path_) << yaml;
    return path_;
  }
  Result<LoadedConfig> load(const std::string& yaml) { return load_config({.file = write(yaml)}); }

  std::string problems(const std::string& yaml) {
    const auto loaded = load(yaml);
    return loaded ? "" : loaded.error().message;
  }

  std::string path_;
};

std::string override_problem(const std::string& text) {
  const auto loaded = load_config({.overrides = {text}});
  return loaded ? "" : loaded.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST_F(ConfigTest, EveryKeyAcceptsItsOwnDefault) {
  const auto loaded = load_config({});
  ASSERT_TRUE(loaded);
  EXPECT_EQ(loaded->config, Config{});
  const auto again = load(print_config(*loaded));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->config, Config{});
  for (const std::string& origin : again->origins) EXPECT_TRUE(contains(origin, path_)) << origin;
}

TEST_F(ConfigTest, TheSampleShowsEveryKeyWithItsDefault) {
  const auto loaded = load_config({.file = RINGCAST_SAMPLE});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config, Config{});
  EXPECT_EQ(std::ranges::count(loaded->origins, "default"), 0);
}

TEST_F(ConfigTest, TheTableIsConsistent) {
  std::set<std::string> names;
  for (const ConfigKey& key : config_keys()) {
    EXPECT_TRUE(names.insert(environment_name(key.path)).second) << key.path;
    if (!key.alias.empty()) EXPECT_TRUE(names.insert(std::string(key.alias)).second) << key.alias;
    EXPECT_TRUE(key.help.ends_with(".")) << key.path;
    EXPECT_FALSE(contains(key.help, "|")) << key.path;
    EXPECT_TRUE(contains(config_table_markdown(), "`" + std::string(key.path) + "`"));
  }
}

TEST_F(ConfigTest, FileThenEnvironmentThenOverrides) {
  const std::string file =
      write("sse:\n  heartbeat_ms: 1s\n  retry_ms: 2s\nlimits: {max_headers: 7}\n");
  const auto loaded = load_config({.file = file,
                                   .environment = {{"RINGCAST_SSE_HEARTBEAT_MS", "3s"},
                                                   {"RINGCAST_SSE_RETRY_MS", "4s"},
                                                   {"HOME", "/root"}},
                                   .overrides = {"sse.heartbeat_ms=5s"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.sse.heartbeat_ms, 5000u);
  EXPECT_EQ(loaded->config.sse.retry_ms, 4000u);
  EXPECT_EQ(loaded->config.limits.max_headers, 7u);
  const auto origin = [&](std::string_view path) {
    return loaded->origins[*find_config_key(path)];
  };
  EXPECT_EQ(origin("sse.heartbeat_ms"), "command line");
  EXPECT_EQ(origin("sse.retry_ms"), "environment RINGCAST_SSE_RETRY_MS");
  EXPECT_EQ(origin("limits.max_headers"), file + ":4");
  EXPECT_EQ(origin("listen"), "default");
}

TEST_F(ConfigTest, AliasesYieldToFullNames) {
  const auto loaded = load_config({.environment = {{"RINGCAST_LIMITS_MAX_CONNECTIONS", "20"},
                                                   {"MAX_CONNECTIONS", "10"},
                                                   {"SSE_ENABLED", "off"},
                                                   {"CORS_ENABLED", ""}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->config.limits.max_connections, 20u);
  EXPECT_FALSE(loaded->config.sse.enabled);
  EXPECT_TRUE(loaded->config.cors.enabled);
}

TEST_F(ConfigTest, EveryAliasSetsWhatItIsOf) {
  const auto origin_by = [](const ConfigKey& key, const std::string& value) {
    const auto loaded = load_config({.environment = {{std::string(key.alias), value}}});
    EXPECT_TRUE(loaded) << key.alias;
    return loaded ? loaded->origins[*find_config_key(key.path)] : "";
  };
  std::vector<std::string_view> aliases;
  for (const ConfigKey& key : config_keys()) {
    if (key.alias.empty()) continue;
    aliases.push_back(key.alias);
    const bool on_or_off = std::holds_alternative<SwitchKey>(key.kind);
    EXPECT_EQ(origin_by(key, on_or_off ? "false" : "1000"),
              "environment " + std::string(key.alias));
  }
  for (const char* named :
       {"SSE_ENABLED", "WEBSOCKET_ENABLED", "MCP_ENABLED", "MAX_CONNECTIONS", "STREAM_BUFFER_SIZE",
        "PROCESSING_INTERVAL", "STREAM_COMPRESSION", "MONITORING_ENABLED", "STREAM_AUTHENTICATION",
        "STREAM_RATE_LIMITING", "MAX_REQUESTS_PER_MINUTE", "CORS_ENABLED"}) {
    EXPECT_EQ(std::ranges::count(aliases, named), 1) << named;
  }
}

TEST_F(ConfigTest, ASecretOfTheWrongShapeIsNotRepeated) {
  for (const char* value : {"[[hunter2-0123456789]]", "{a: hunter2-0123456789}",
                            "[{name: a, value: hunter2-0123456789}]", "[hunter2!]"}) {
    for (const char* key : {"tokens", "admin_tokens"}) {
      const std::string text = problems(fmt::format("auth: {{{}: {}}}\n", key, value));
      EXPECT_TRUE(contains(text, fmt::format("auth.{}: ", key))) << text;
      EXPECT_FALSE(contains(text, "hunter2")) << text;
    }
  }
}

TEST_F(ConfigTest, BadValuesNameKeyValueOriginAndWhatIsAllowed) {
  const std::string text = problems("\nlimits:\n  max_connections: many\nlog: {level: loud}\n");
  EXPECT_TRUE(contains(text, "limits.max_connections: \"many\" (from " + path_ + ":3)")) << text;
  EXPECT_TRUE(contains(text, "a whole number from 1 to 10000000")) << text;
  EXPECT_TRUE(contains(text, "log.level: \"loud\"")) << text;
  EXPECT_TRUE(contains(text, "one of debug, info, warn, error, off")) << text;
}

TEST_F(ConfigTest, RefusesWhatIsOutOfRange) {
  for (const std::string& text : {"limits.max_headers=0",
                                  "limits.max_headers=101",
                                  "limits.max_headers=-1",
                                  "limits.max_headers=1.5",
                                  "limits.max_headers=10k",
                                  "limits.max_event_bytes=0",
                                  "limits.max_event_bytes=268435457",
                                  "limits.max_connections=99999999999999999999",
                                  "ring.entries=1000",
                                  "buffers.recv_count=3",
                                  "sse.heartbeat_ms=0",
                                  "sse.heartbeat_ms=1y",
                                  "sse.heartbeat_ms=",
                                  "sse.enabled=maybe",
                                  "history.bytes=64q",
                                  "history.on_lag=drop",
                                  "listen=",
                                  "listen=8080",
                                  "listen=127.0.0.1:65536",
                                  "listen=::1:80",
                                  "listen=example.org:80",
                                  "listen=127.0.0.1:80,",
                                  "cores=x",
                                  "cores=3-1",
                                  "cores=5000",
                                  "cors.origins=example.org",
                                  "cors.origins=https://example.org/",
                                  "topics=5",
                                  "topics=[{bytes: 1k}]",
                                  "topics=[{match: a, bytes: 1}]",
                                  "topics=[{match: a, size: 1k}]",
                                  "topics=[",
                                  "topics=[a]",
                                  "drain.retry_min_ms=9s",
                                  "ring.entries=32768,",
                                  "log.level",
                                  "limits.max_header_bytes=1k"}) {
    EXPECT_NE(override_problem(text), "") << text;
  }
}

TEST_F(ConfigTest, AnEventIsAtMost256MiB) {
  EXPECT_EQ(override_problem("limits.max_event_bytes=256MiB"), "");
  const std::string text = override_problem("limits.max_event_bytes=1GiB");
  EXPECT_TRUE(contains(text, "a size from 1 to 256MiB")) << text;
}

TEST_F(ConfigTest, UnknownKeysAreErrorsWithASuggestion) {
  EXPECT_TRUE(contains(problems("sse: {hartbeat_ms: 1s}"), "did you mean sse.heartbeat_ms?"));
  EXPECT_TRUE(contains(problems("heartbeat_ms: 1s"), "did you mean sse.heartbeat_ms?"));
  EXPECT_TRUE(contains(problems("limit: {max_headers: 1}"), "did you mean limits?"));
  EXPECT_TRUE(contains(override_problem("lisen=127.0.0.1:1"), "did you mean listen?"));
  EXPECT_FALSE(contains(problems("quux_frobnicate: 1"), "did you mean"));
  const auto loaded = load_config({.environment = {{"RINGCAST_SSE_HARTBEAT_MS", "1s"}}});
  ASSERT_FALSE(loaded);
  EXPECT_TRUE(contains(loaded.error().message, "did you mean RINGCAST_SSE_HEARTBEAT_MS?"));
}

TEST_F(ConfigTest, VariablesOfOtherProgramsAreNotSettings) {
  EXPECT_TRUE(load_config(
      {.environment = {
           {"RINGCAST_BIN", "x"}, {"RINGCAST_CONFIG", "y"}, {"RINGCAST_TEST_SEEDS", "5"}}}));
}

TEST_F(ConfigTest, AllProblemsAreToldAtOnce) {
  const std::string text = problems("a: 1\nb: 2\nsse: 3\nsse: {}\nlimits: [1]\nlisten: {x: y}\n");
  EXPECT_EQ(std::ranges::count(text, '\n'), 5) << text;
  EXPECT_TRUE(contains(text, "sse: given twice")) << text;
}

TEST_F(ConfigTest, BadYamlAndFilesAreErrors) {
  EXPECT_TRUE(contains(problems("a: [1\nb: }"), path_ + ":2")) << problems("a: [1\nb: }");
  EXPECT_NE(problems("- just\n- a list\n"), "");
  EXPECT_EQ(problems(""), "");
  EXPECT_EQ(problems("limits:\n"), "");
  const auto missing = load_config({.file = "/nonexistent/ringcast.yaml"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "config_unreadable");
  EXPECT_TRUE(contains(missing.error().message, "No such file")) << missing.error().message;
  const auto folder = load_config({.file = testing::TempDir()});
  ASSERT_FALSE(folder);
  EXPECT_TRUE(contains(folder.error().message, "Is a directory")) << folder.error().message;
}

TEST_F(ConfigTest, ListsInFilesAndText) {
  const auto loaded = load("listen: ['127.0.0.1:80', '[::1]:0', 'localhost:9']\ncores: 0-2,5\n");
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->config.listen.size(), 3u);
  EXPECT_EQ(loaded->config.listen[1], (ListenAddress{"::1", 0}));
  EXPECT_EQ(loaded->config.listen[2], (ListenAddress{"127.0.0.1", 9}));
  EXPECT_EQ(loaded->config.cores, (std::vector<uint32_t>{0, 1, 2, 5}));
  const auto none = load_config({.overrides = {"cores=", "cors.origins=https://a.example,null"}});
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_TRUE(none->config.cores.empty());
  EXPECT_EQ(none->config.cors.origins, (std::vector<std::string>{"https://a.example", "null"}));
}

TEST_F(ConfigTest, RulesTakeTheRestFromTheFinalHistory) {
  const std::string file = write(
      "topics:\n  - {match: 'jobs.*', bytes: 64k, on_lag: close}\n  - {match: \"*\", age_ms: 0}\n"
      "history: {events: 5}\n");
  const auto loaded =
      load_config({.file = file, .environment = {{"RINGCAST_HISTORY_BYTES", "2MiB"}}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->config.topics.size(), 2u);
  EXPECT_EQ(loaded->config.topics[0],
            (TopicRule{"jobs.*", {64 << 10, 5, 3'600'000, OnLag::kClose}}));
  EXPECT_EQ(loaded->config.topics[1], (TopicRule{"*", {2 << 20, 5, 0, OnLag::kGap}}));
  const auto again = load(print_config(*loaded));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->config, loaded->config);
}

TEST_F(ConfigTest, ReloadTellsWhatItCanApply) {
  const Config before;
  Config after;
  after.sse.heartbeat_ms = 1234;
  after.topics = {{"a", {}}};
  after.cors.origins = {"https://a.example"};
  after.log.level = LogLevel::kDebug;
  after.listen = {{"127.0.0.1", 1}};
  after.ring.entries = 64;
  const ReloadDiff diff = diff_reload(before, after);
  EXPECT_EQ(diff.applied, (std::vector<std::string_view>{"topics", "sse.heartbeat_ms",
                                                         "cors.origins", "log.level"}));
  EXPECT_EQ(diff.needs_restart, (std::vector<std::string_view>{"listen", "ring.entries"}));
  Config expected = after;
  expected.listen = before.listen;
  expected.ring.entries = before.ring.entries;
  EXPECT_EQ(apply_reload(before, after), expected);
  EXPECT_TRUE(diff_reload(after, after).applied.empty());
}

TEST(ConfigValuesTest, Amounts) {
  EXPECT_EQ(parse_amount("64k", KeyUnit::kBytes), 65536u);
  EXPECT_EQ(parse_amount("64 KiB", KeyUnit::kBytes), 65536u);
  EXPECT_EQ(parse_amount("1MB", KeyUnit::kBytes), 1'000'000u);
  EXPECT_EQ(parse_amount("2g", KeyUnit::kBytes), uint64_t{2} << 30);
  EXPECT_EQ(parse_amount("1h", KeyUnit::kTime), 3'600'000u);
  EXPECT_EQ(parse_amount("15s", KeyUnit::kTime), 15'000u);
  EXPECT_EQ(parse_amount("7", KeyUnit::kTime), 7u);
  for (const auto* bad : {"", "k", "1.5s", "-1", "1 2", "18446744073709551616", "1s1"}) {
    EXPECT_EQ(parse_amount(bad, KeyUnit::kTime), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_amount("99999999999999999g", KeyUnit::kBytes), std::nullopt);
  for (const uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{1023}, uint64_t{65536},
                               uint64_t{90'000}, uint64_t{86'400'000}, ~uint64_t{0}}) {
    for (const KeyUnit unit : {KeyUnit::kNone, KeyUnit::kBytes, KeyUnit::kTime}) {
      EXPECT_EQ(parse_amount(amount_text(value, unit), unit), value);
    }
  }
}

}  // namespace
}  // namespace ringcast
