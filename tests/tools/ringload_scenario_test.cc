#include "tools/ringload/scenario.h"

#include <gtest/gtest.h>

#include <utility>

#include "tools/ringload/load_words.h"

namespace ringcast::load {
namespace {

constexpr const char* kWhole = R"(format: 1
title: Both
rounds: 5
directory: ../..
client_core: 1
subjects:
  ringcast:
    start: [ringcast, serve, --listen, "127.0.0.1:{port}"]
    url: "http://127.0.0.1:{port}"
    cores: [0, 2]
    environment: {A: b}
    ready: /health
    ready_timeout: 2.5
  other: {target: targets/other.yaml}
loads:
  fast: {over: ws, subscribers: 10, window: 4, poll: true, binary: false}
  slow: {over: sse, rate: 0.5, subjects: [other]}
)";

TEST(RingloadScenario, ReadsAWholeOne) {
  const auto read = scenario_from_yaml(kWhole, "x.yaml", "/a/b/c");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->title, "Both");
  EXPECT_EQ(read->rounds, 5);
  EXPECT_EQ(read->directory, "/a/");
  EXPECT_EQ(read->client_core, 1);
  EXPECT_EQ(read->text, kWhole);
  ASSERT_EQ(read->subjects.size(), 2U);
  const ScenarioSubject& first = read->subjects[0];
  EXPECT_EQ(first.name, "ringcast");
  EXPECT_EQ(first.start.size(), 4U);
  EXPECT_EQ(first.cores, (std::vector<int>{0, 2}));
  EXPECT_EQ(first.environment[0], (std::pair<std::string, std::string>("A", "b")));
  EXPECT_EQ(first.ready, "/health");
  EXPECT_EQ(first.ready_timeout_s, 2.5);
  ASSERT_EQ(read->loads.size(), 2U);
  EXPECT_EQ(read->loads[0].words,
            (std::vector<std::string>{"ws", "--subscribers", "10", "--window", "4", "--poll"}));
  EXPECT_TRUE(is_for(read->loads[0], first));
  EXPECT_FALSE(is_for(read->loads[1], first));
  EXPECT_TRUE(is_for(read->loads[1], read->subjects[1]));
}

TEST(RingloadScenario, SaysWhatIsWrongAndWhere) {
  constexpr const char* kLoads = "loads: {a: {over: sse}}\n";
  constexpr const char* kSubjects = "subjects: {s: {url: \"http://h:1\"}}\n";
  const std::pair<std::string, const char*> cases[] = {
      {"[", "x.yaml:1"},
      {"a text", "must be a mapping"},
      {std::string(kSubjects) + kLoads, "`format` must be 1"},
      {std::string("format: 2\n") + kSubjects + kLoads, "`format` must be 1"},
      {std::string("format: 1\n") + kLoads, "`subjects` must be a mapping of names"},
      {std::string("format: 1\n") + kSubjects, "`loads` must be a mapping of names"},
      {std::string("format: 1\nround: 3\n") + kSubjects + kLoads, "x.yaml:2: unknown key `round`"},
      {std::string("format: 1\nrounds: 0.5\n") + kSubjects + kLoads, "`rounds` must be"},
      {std::string("format: 1\nsubjects: {s: {}}\n") + kLoads, "either `url` or `target`"},
      {std::string("format: 1\nsubjects: {s: }\n") + kLoads, "`s` must be a mapping"},
      {std::string("format: 1\nsubjects: {s: {url: \"http://h:{port}\"}}\n") + kLoads,
       "nothing to start"},
      {std::string("format: 1\nsubjects: {s: {url: x, start: ringcast}}\n") + kLoads,
       "`start` must be a list"},
      {std::string("format: 1\nsubjects: {s: {url: x, cores: [a]}}\n") + kLoads,
       "`cores` must be a list of whole numbers"},
      {std::string("format: 1\nsubjects: {s: {url: x, ready: health}}\n") + kLoads,
       "begins with /"},
      {std::string("format: 1\n") + kSubjects + "loads: {a: {over: smtp}}", "sse, ws, chunked"},
      {std::string("format: 1\n") + kSubjects + "loads: {a: {subscribers: 3}}", "sse, ws, chunked"},
      {std::string("format: 1\n") + kSubjects + "loads: {a: {over: sse, json: x}}",
       "not a load's to say"},
      {std::string("format: 1\n") + kSubjects + "loads: {a: {over: sse, rate: [1]}}",
       "a number or a text"},
      {std::string("format: 1\n") + kSubjects + "loads: {a: {over: sse, subjects: [t]}}",
       "which is no subject"},
  };
  for (const auto& [text, expected] : cases) {
    const auto read = scenario_from_yaml(text, "x.yaml", ".");
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, "bad_scenario");
    EXPECT_NE(read.error().message.find(expected), std::string::npos)
        << text << ": " << read.error().message;
    EXPECT_NE(read.error().message.find("x.yaml"), std::string::npos) << read.error().message;
  }
}

TEST(RingloadScenario, WordsOfALoadBeginWithOne) {
  EXPECT_TRUE(check_load_words({"sse", "--subscribers", "3"}, {"--rate"}));
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"table"},
                                                {"--rate", "3"},
                                                {"ws", "--rate", "3"},
                                                {"ws", "--rate=3"},
                                                {"mcp", "--json", "x"}}) {
    const auto checked = check_load_words(words, {"--rate"});
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, "bad_usage");
  }
}

}  // namespace
}  // namespace ringcast::load
