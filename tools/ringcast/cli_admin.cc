#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "core/event_stream.h"
#include "tools/ringcast/cli_admin.h"
#include "tools/ringcast/cli_ask.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_suggestion.h"
#include "tools/ringcast/cli_table.h"

namespace ringcast {
namespace {

constexpr std::int64_t kTimeoutMs = 30'000;

const std::array<std::string, 6> kActions = {"topics",     "connections", "sessions",
                                             "disconnect", "drain",       "metrics"};

constexpr const char* kExamples = R"(Actions:
  topics         topics with their events, bytes and subscribers
  connections    who is there, over WebSocket and over server-sent events
  sessions       sessions of workers: callers, and commands that wait for an answer
  disconnect ID  end one of these connections; its client may come back
  drain          no new work; all streams end, and so does the server
  metrics        the server's own figures, a line whenever it publishes them

Examples:
  ringcast admin connections
  ringcast admin disconnect w0-3-7
  ringcast admin connections --json | jq -r '.connections[] | select(.paused) | .id'
  ringcast admin metrics --count 5
  RINGCAST_TOKEN="$token" ringcast admin drain --url http://events.example:8080

--token takes one of auth.admin_tokens, or what the access file grants `admin`. Only where a server
has no key or token of any kind, who is on the same machine gets in without.

Exit status: 0 done, 1 failed, 2 wrong usage.
)";

std::string command_of(const AdminArguments& arguments) {
  std::string command = simple_command(arguments.action);
  if (arguments.action != "disconnect") return command;
  command.pop_back();
  command += ",\"id\":";
  append_json_string(command, arguments.id);
  return command += '}';
}

// The answer for people.
Result<std::string> describe(const AdminArguments& arguments, std::string_view answer) {
  static constexpr Column kConnections[] = {{"ID", "id"},
                                            {"TRANSPORT", "transport"},
                                            {"PRINCIPAL", "principal"},
                                            {"PEER", "peer"},
                                            {"NAME", "name"},
                                            {"ROUTE", "route"},
                                            {"SECONDS", "seconds", true},
                                            {"PAUSED", "paused"},
                                            {"TOPICS", "topics"}};
  static constexpr Column kSessions[] = {
      {"SESSION", "session"}, {"CALLERS", "callers", true}, {"WAITING", "waiting", true}};
  if (arguments.action == "topics") return topics_table(answer);
  if (arguments.action == "connections") return table_of(answer, "connections", kConnections);
  if (arguments.action == "sessions") return table_of(answer, "sessions", kSessions);
  if (arguments.action == "disconnect") return fmt::format("{} is disconnected.\n", arguments.id);
  return std::string("The server drains: its streams end, and then so does it.\n");
}

// A server names only so many connections.
void tell_what_is_missing(std::string_view answer) {
  simdjson::dom::parser parser;
  simdjson::dom::element object;
  simdjson::dom::array listed;
  std::uint64_t total = 0;
  const bool told = parser.parse(answer.data(), answer.size()).get(object) == simdjson::SUCCESS &&
                    object["connections"].get(listed) == simdjson::SUCCESS &&
                    object["total"].get(total) == simdjson::SUCCESS;
  if (told && total > listed.size()) {
    complain(fmt::format("Only {} of {} connections are listed.", listed.size(), total));
  }
}

Task<int> administer(Scope* scope, const AdminArguments* arguments, const Endpoint* endpoint) {
  WebSocketClient socket(*scope, {.silence_ms = 0});
  auto opened = co_await socket.open(endpoint, "/ws/admin");
  if (!opened) co_return fail_with(opened.error());
  auto answer = co_await ask(&socket, command_of(*arguments), kTimeoutMs);
  socket.close();
  if (!answer) co_return fail_with(answer.error());
  if (arguments->json) co_return co_await print_answer(scope, std::move(*answer));
  auto text = describe(*arguments, *answer);
  if (!text) co_return fail_with(text.error());
  const int code = co_await print_answer(scope, std::move(*text));
  tell_what_is_missing(*answer);
  co_return code;
}

// What is wrong with the arguments; empty if nothing is.
std::string usage_problem(const AdminArguments& arguments) {
  if (std::ranges::find(kActions, arguments.action) == kActions.end()) {
    return unknown_word("action", arguments.action, kActions);
  }
  const bool disconnect = arguments.action == "disconnect";
  if (disconnect && arguments.id.empty()) {
    return "ID is missing: `ringcast admin connections` lists them.";
  }
  if (!disconnect && !arguments.id.empty()) {
    return fmt::format("`{}` takes no ID.", arguments.action);
  }
  if (arguments.action != "metrics" && arguments.count > 0) return "--count is for metrics.";
  return "";
}

}  // namespace

std::span<const std::string> admin_actions() { return kActions; }

void add_admin_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("admin", "Look into a running server; disconnect a client; drain it.");
  command->footer(kExamples);
  auto arguments = std::make_shared<AdminArguments>();
  command->add_option("ACTION", arguments->action, "what to do: see below")->required();
  command->add_option("ID", arguments->id, "of the connection to end");
  command->add_option("--count", arguments->count, "metrics: end after so many lines")
      ->check(CLI::PositiveNumber);
  command->add_flag("--json", arguments->json, "the server's answer as it is");
  add_client_options(*command, arguments->client);
  command->callback([arguments, &exit_code] {
    exit_code = run_client(
        arguments->client, usage_problem(*arguments), [&](Scope* scope, const Endpoint* endpoint) {
          const auto way = arguments->action == "metrics" ? follow_metrics : administer;
          return way(scope, arguments.get(), endpoint);
        });
  });
}

}  // namespace ringcast
