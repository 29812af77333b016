// ringcast: an event-streaming server and the commands to use it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"
#include "tools/ringcast/cli_manual.h"
#include "tools/ringcast/cli_suggestion.h"
#include "tools/ringcast/serve.h"
#include "tools/ringcast/version.h"

namespace {

using namespace ringcast;

constexpr const char* kExamples = R"(Examples, each in a terminal of its own:
  ringcast serve
  ringcast subscribe machine
  vmstat 1 | ringcast publish machine -
  ringcast topics
  ringcast worker-demo 42
  ringcast control 42 pause

`ringcast COMMAND --help` explains a command, with examples.

Exit status: 0 all went well, 1 it failed, 2 wrong usage, 3 no worker answered. RINGCAST_URL names
the server for all commands, RINGCAST_TOKEN the token it asks for. They speak no TLS: behind a proxy
name the server itself.
)";

int complain_about_command(const CLI::App& app, std::string_view word) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
  complain(fmt::format("There is no command `{}`.{} See ringcast --help.", word,
                       suggestion(word, names)));
  return kExitUsage;
}

// The first word that looks like an option but is none of this command.
int complain_about_words(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  const std::vector<std::string> words = command.remaining();
  const auto option = std::ranges::find_if(
      words, [](const std::string& word) { return word.starts_with("-") && word != "--"; });
  const std::string& word = option != words.end() ? *option : words.front();
  const std::string name = word.substr(0, word.find('='));
  const bool top = command.get_parent() == nullptr;
  complain(fmt::format("`{}` is not expected {}.{} See ringcast {}--help.", name,
                       top ? "before a command" : "here", suggestion(name, names),
                       top ? "" : command.get_name() + " "));
  return kExitUsage;
}

int explain(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  for (const CLI::App* command : app.get_subcommands()) {
    if (!command->remaining().empty()) return complain_about_words(*command);
  }
  if (!app.remaining().empty()) return complain_about_words(app);
  const auto chosen = app.get_subcommands();
  std::string sentence = error.what();
  if (!sentence.ends_with('.')) sentence += '.';
  complain(fmt::format("{} See ringcast{} --help.", sentence,
                       chosen.empty() ? "" : " " + chosen.front()->get_name()));
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Event streams with replayable history, over server-sent events and WebSocket.",
               "ringcast");
  app.set_version_flag("--version", fmt::format("ringcast {}", kVersion));
  app.require_subcommand(1);
  app.footer(kExamples);
  int exit_code = kExitOk;
  const Manual manual = ringcast_manual();
  try {
    add_serve_command(app, exit_code);
    add_mcp_command(app, exit_code);
    add_publish_command(app, exit_code);
    add_subscribe_command(app, exit_code);
    add_topics_command(app, exit_code);
    add_control_command(app, exit_code);
    add_worker_command(app, exit_code);
    add_admin_command(app, exit_code);
    add_features_command(app, exit_code);
    add_access_command(app, exit_code);
    add_manual_commands(app, manual, exit_code);
    if (auto answered = answer_completion(app, manual.hints, argc, argv)) return *answered;
    if (argc < 2) {
      fmt::print(stderr, "{}", app.help());
      return kExitUsage;
    }
    const std::string_view first = argv[1];
    const auto known = [first](const CLI::App* command) { return command->get_name() == first; };
    if (!first.starts_with('-') && app.get_subcommands(known).empty()) {
      return complain_about_command(app, first);
    }
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return explain(app, error);
  }
  return exit_code;
}
