// The official test suite of JSON Schema 2020-12, where Debian's package
// libtest-json-schema-acceptance-perl puts it. Groups that need what is refused are skipped.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "protocol/mcp/json_schema.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

const std::filesystem::path kSuite =
    "/usr/share/perl5/auto/share/dist/Test-JSON-Schema-Acceptance/tests/draft2020-12";

struct Counts {
  std::size_t groups = 0;
  std::size_t skipped = 0;
  std::size_t values = 0;
};

void run_group(const std::string& name, dom::element group, Counts& counts) {
  ++counts.groups;
  const auto schema = JsonSchema::compile(simdjson::minify(group["schema"]));
  if (!schema) {
    ++counts.skipped;
    std::cout << "skipped: " << name << ": " << schema.error().message << '\n';
    EXPECT_TRUE(schema.error().message.contains("not supported")) << name;
    return;
  }
  for (const dom::element test : group["tests"].get_array()) {
    ++counts.values;
    const std::string problem = schema->check(test["data"].value());
    EXPECT_EQ(problem.empty(), test["valid"].get_bool().value())
        << name << ": " << std::string_view(test["description"]) << ": " << problem;
  }
}

TEST(JsonSchemaSuite, EverythingThatIsSupported) {
  if (!std::filesystem::exists(kSuite)) GTEST_SKIP() << kSuite << " is not there";
  Counts counts;
  for (const auto& file : std::filesystem::directory_iterator(kSuite)) {
    if (file.path().extension() != ".json") continue;
    dom::parser parser;
    for (const dom::element group : parser.load(file.path()).get_array()) {
      run_group(
          file.path().stem().string() + ": " + std::string(std::string_view(group["description"])),
          group, counts);
    }
  }
  std::cout << counts.groups << " groups, " << counts.skipped << " skipped, " << counts.values
            << " values\n";
  EXPECT_GT(counts.values, 1000U);
  EXPECT_LT(counts.skipped * 4, counts.groups);
}

}  // namespace
}  // namespace ringcast
