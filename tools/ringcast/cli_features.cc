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

--token takes one of auth.admin_tokens, or what the access file grants `admin`. Only where a server
has no key or token of any kind, who is on the same machine may without.

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
  auto text = table_of(*answer, "features", kColumns);
  if (!text) co_return fail_with(text.error());
  co_return co_await print_answer(scope, std::move(*text));
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

// What is wrong with the arguments; empty if nothing is.
std::string usage_problem(const FeaturesArguments& arguments) {
  if (std::ranges::find(kActions, arguments.action) == kActions.end()) {
    return unknown_word("action", arguments.action, kActions);
  }
  const bool list = arguments.action == "list";
  if (list && !arguments.name.empty()) return "`list` takes no NAME.";
  if (!list && arguments.name.empty()) {
    return fmt::format("NAME is missing: ringcast features {} NAME.", arguments.action);
  }
  return "";
}

}  // namespace

std::span<const std::string> features_actions() { return kActions; }

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
  command->callback([arguments, &exit_code] {
    exit_code = run_client(
        arguments->client, usage_problem(*arguments), [&](Scope* scope, const Endpoint* endpoint) {
          const auto way = arguments->action == "list" ? list_features : switch_feature;
          return way(scope, arguments.get(), endpoint);
        });
  });
}

}  // namespace ringcast
