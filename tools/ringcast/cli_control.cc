#include <fmt/format.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "core/event_stream.h"
#include "tools/ringcast/cli_ask.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_members.h"
#include "tools/ringcast/cli_message.h"
#include "tools/ringcast/cli_suggestion.h"

namespace ringcast {
namespace {

const std::array<std::string, 5> kActions = {"pause", "resume", "cancel", "adjust_parameters",
                                             "adjust_quality_threshold"};
constexpr std::array<std::string_view, 2> kTaken = {"action", "ref"};
constexpr std::int64_t kMsPerSecond = 1000;

constexpr const char* kExamples = R"(Actions, and the status that a worker usually answers with:
  pause                     paused
  resume                    resumed
  cancel                    cancelled
  adjust_parameters         parameters_updated
  adjust_quality_threshold  threshold_updated

Examples:
  A worker to try it on, in a terminal of its own:
    ringcast worker-demo 42
  Tell it to stop for a while, and to go on:
    ringcast control 42 pause
    ringcast control 42 resume
  Members for the worker; what is JSON is taken as such, anything else as a string:
    ringcast control 42 adjust_quality_threshold value=0.8
    ringcast control 42 adjust_parameters model=large 'layers=[1,2]'
    ringcast control 42 adjust_parameters --json '{"model":"large","layers":[1,2]}'
  In a script:
    ringcast control 42 pause || echo "nobody works on 42"

The command goes to the worker that follows the topic control.SESSION; its answer is printed as it
came, such as {"status":"paused"}. Where none answers in time, the status is `timeout`.

Exit status: 0 the worker answered, 1 failed, 2 wrong usage, 3 nobody answered in time.
)";

struct ControlArguments {
  ClientOptions client;
  std::string session;
  std::string action;
  std::vector<std::string> members;
  std::string json;
  double timeout_s = 60;
};

std::string command_of(const ControlArguments& arguments, std::string_view members) {
  std::string command = "{\"action\":";
  append_json_string(command, arguments.action);
  command += ",\"ref\":";
  append_json_string(command, kAskRef);
  if (!members.empty()) command += ',';
  command += members;
  return command += '}';
}

Task<int> control(Scope* scope, const ControlArguments* arguments, const Endpoint* endpoint,
                  std::string command) {
  WebSocketClient socket(*scope, {.silence_ms = 0});
  auto opened = co_await socket.open(endpoint, "/ws/agent/" + percent_encode(arguments->session));
  if (!opened) co_return fail_with(opened.error());
  const auto timeout_ms = static_cast<std::int64_t>(arguments->timeout_s * kMsPerSecond);
  auto answer = co_await ask(&socket, std::move(command), timeout_ms);
  socket.close();
  if (!answer && answer.error().code == "timed_out") answer = R"({"status":"timeout"})";
  if (!answer) co_return fail_with(answer.error());
  MessageParser parser;
  const bool late = parser.parse(*answer).status == "timeout";
  const int code = co_await print_answer(scope, std::move(*answer));
  if (code == kExitOk && late) co_return kExitNoAnswer;
  co_return code;
}

int run_control(const ControlArguments& arguments) {
  const auto members = json_members(arguments.members, arguments.json, kTaken);
  std::string problem;
  if (arguments.session.empty()) {
    problem = "SESSION is empty.";
  } else if (std::ranges::find(kActions, arguments.action) == kActions.end()) {
    problem = unknown_word("action", arguments.action, kActions);
  } else if (!members) {
    problem = members.error().message;
  }
  return run_client(arguments.client, problem, [&](Scope* scope, const Endpoint* endpoint) {
    return control(scope, &arguments, endpoint, command_of(arguments, *members));
  });
}

}  // namespace

std::span<const std::string> control_actions() { return kActions; }

void add_control_command(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("control", "Tell a session's worker to do something; print its answer.");
  command->footer(kExamples);
  auto arguments = std::make_shared<ControlArguments>();
  command->add_option("SESSION", arguments->session, "whose worker")->required();
  command->add_option("ACTION", arguments->action, "what it is to do: see below")->required();
  command->add_option("MEMBER", arguments->members, "key=value, for the worker (repeatable)");
  command->add_option("--json", arguments->json, "a JSON object with members for the worker");
  command
      ->add_option(
          "--timeout", arguments->timeout_s,
          "seconds to wait for the server, which itself waits 5 s for the worker unless it "
          "is configured otherwise")
      ->check(CLI::Range(0.001, 86400.0))
      ->capture_default_str();
  add_client_options(*command, arguments->client);
  command->callback([arguments, &exit_code] { exit_code = run_control(*arguments); });
}

}  // namespace ringcast
