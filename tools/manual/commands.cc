#include "tools/manual/commands.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string_view>
#include <vector>

namespace ringcast {
namespace {

std::string completion_help(const std::string& program) {
  return fmt::format(
      "Examples:\n"
      "  For this shell only (bash, zsh, fish):\n"
      "    eval \"$({0} completion bash)\"\n"
      "    eval \"$({0} completion zsh)\"\n"
      "    {0} completion fish | source\n"
      "  For all that begin from now on:\n"
      "    {0} completion bash > ~/.local/share/bash-completion/completions/{0}\n"
      "    {0} completion zsh > \"${{fpath[1]}}/_{0}\"\n"
      "    {0} completion fish > ~/.config/fish/completions/{0}.fish\n"
      "The Debian package has all three in place.\n",
      program);
}

std::string print_manual(const CLI::App& app, const Manual& manual, const std::string& name) {
  const auto more = manual.more_pages.find(name);
  if (more != manual.more_pages.end()) return more->second();
  return name.empty() || name == app.get_name() ? man_page(app, manual.page) : "";
}

}  // namespace

void add_manual_commands(CLI::App& app, const Manual& manual, int& exit_code) {
  CLI::App* completion =
      app.add_subcommand("completion", "Print a script that completes commands in your shell.");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->footer(completion_help(app.get_name()));
  completion->callback([shell, &app, &exit_code] {
    fmt::print("{}", completion_script(*shell, app.get_name()).value_or(""));
    exit_code = 0;
  });

  CLI::App* pages = app.add_subcommand("manual", "Print a manual page as roff.")->group("");
  auto name = std::make_shared<std::string>();
  pages->add_option("PAGE", *name, "this program's, if there is none");
  pages->callback([name, &app, &manual, &exit_code] {
    const std::string text = print_manual(app, manual, *name);
    if (text.empty())
      fmt::print(stderr, "{}: There is no manual page `{}`.\n", app.get_name(), *name);
    fmt::print("{}", text);
    exit_code = text.empty() ? 2 : 0;
  });
}

std::optional<int> answer_completion(const CLI::App& app, const CompletionHints& hints, int argc,
                                     const char* const* argv) {
  if (argc < 2 || std::string_view(argv[1]) != "complete-words") return std::nullopt;
  const std::vector<std::string> words(argv + 2, argv + argc);
  fmt::print("{}", completion_lines(complete_words(app, hints, words)));
  return 0;
}

}  // namespace ringcast
