#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>

#include "tools/ringcast/cli_ask.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_fetch.h"
#include "tools/ringcast/cli_suggestion.h"
#include "tools/ringcast/cli_table.h"

namespace ringcast {
namespace {

const std::array<std::string, 3> kActions = {"list", "enable", "disable"};

constexpr const char* kExamples = R"(Examples:
  What is on:
    ringcast features
  Switch something off, and on again, while the server runs:
    ringcast features disable stream-compression
    ringcast features enable stream-compression
  For programs:
    ringcast features --json | jq -r '.features[] | select(.enabled) | .name'

Where the server has an admin token, switching takes it (--token); where it has none, only who is on
the same machine may.

Exit status: 0 done, 1 failed, 2 wrong usage.
)";

struct FeaturesArguments {
  ClientOptions client;
  std::string action = "list";
  std::string name;
  bool json = false;
};

Task<int> list_features(Scope* scope, const FeaturesArguments* arguments,
                        const Endpoint* endpoint) {
  static constexpr Column kColumns[] = {{"FEATURE", "name"}, {"ENABLED", "enabled"}};
  auto answer = co_await fetch(scope, endpoint, {.path = "/api/features"});
  if (!answer) co_return fail_with(answer.error());
  if (arguments->json) co_return co_await print_answer(scope, std::move(*answer));
  const auto text = table_of(*answer, "features", kColumns);
  if (!text) co_return fail_with(text.error());
  Output output;
  co_return output.exit_code(co_await output.write(scope, *text));
}

Task<int> switch_feature(Scope* scope, const FeaturesArguments* arguments,
                         const Endpoint* endpoint) {
  const bool on = arguments->action == "enable";
  auto answer = co_await fetch(scope, endpoint,
                               {.method = "POST",
                                .path = "/api/features/" + percent_encode(arguments->name),
                                .content_type = "application/json",
                                .body = fmt::format("{{\"enabled\":{}}}", on)});
  if (!answer) co_return fail_with(answer.error());
  if (arguments->json) co_return co_await print_answer(scope, std::move(*answer));
  co_return co_await print_answer(
      scope, fmt::format("{} is {}.", arguments->name, on ? "enabled" : "disabled"));
}

int run_features(const FeaturesArguments& arguments) {
  const auto endpoint = make_endpoint(arguments.client);
  const bool list = arguments.action == "list";
  std::string problem;
  if (!endpoint) problem = endpoint.error().message;
  if (list && !arguments.name.empty()) problem = "`list` takes no NAME.";
  if (!list && arguments.name.empty()) {
    problem = fmt::format("NAME is missing: ringcast features {} NAME.", arguments.action);
  }
  if (std::ranges::find(kActions, arguments.action) == kActions.end()) {
    problem = unknown_word("action", arguments.action, kActions);
  }
  if (!problem.empty()) {
    complain(problem);
    return kExitUsage;
  }
  return run_command([&](Scope& scope) {
    const auto way = list ? list_features : switch_feature;
    return way(&scope, &arguments, &*endpoint);
  });
}

}  // namespace

void add_features_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("features", "List a running server's features, or switch one on or off.");
  command->footer(kExamples);
  auto arguments = std::make_shared<FeaturesArguments>();
  command->add_option("ACTION", arguments->action, "list, enable or disable")
      ->capture_default_str();
  command->add_option("NAME", arguments->name, "the feature to switch");
  command->add_flag("--json", arguments->json, "the server's answer as it is");
  add_client_options(*command, arguments->client);
  command->callback([arguments, &exit_code] { exit_code = run_features(*arguments); });
}

}  // namespace ringcast
