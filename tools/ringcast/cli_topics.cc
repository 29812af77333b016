#include <memory>
#include <string>

#include "tools/ringcast/cli_ask.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_fetch.h"
#include "tools/ringcast/cli_table.h"

namespace ringcast {
namespace {

constexpr std::size_t kListBytesMax = std::size_t{256} << 20;

constexpr const char* kExamples = R"(Examples:
  ringcast topics
  ringcast topics --json | jq -r '.topics[] | select(.subscribers == 0) | .topic'
)";

struct TopicsArguments {
  ClientOptions client;
  bool json = false;
};

Task<int> list_topics(Scope* scope, const TopicsArguments* arguments, const Endpoint* endpoint) {
  auto answer =
      co_await fetch(scope, endpoint, {.path = "/api/topics", .answer_bytes_max = kListBytesMax});
  if (!answer) co_return fail_with(answer.error());
  if (arguments->json) co_return co_await print_answer(scope, std::move(*answer));
  auto text = topics_table(*answer);
  if (!text) co_return fail_with(text.error());
  co_return co_await print_answer(scope, std::move(*text));
}

}  // namespace

void add_topics_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("topics", "List the topics with their events, bytes and subscribers.");
  command->footer(kExamples);
  auto arguments = std::make_shared<TopicsArguments>();
  add_client_options(*command, arguments->client);
  command->add_flag("--json", arguments->json, "the server's answer as it is");
  command->callback([arguments, &exit_code] {
    exit_code = run_client(arguments->client, "", [&](Scope* scope, const Endpoint* endpoint) {
      return list_topics(scope, arguments.get(), endpoint);
    });
  });
}

}  // namespace ringcast
