#include "tools/manual/man_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "tools/manual/roff.h"

namespace ringcast {
namespace {

bool shown(const CLI::App& app) { return !app.get_group().empty(); }

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

std::string sentence(std::string text) {
  if (!text.empty() && !text.ends_with('.') && !text.ends_with(':')) text += '.';
  return text;
}

// One option: how it is written, what it does, its default and its environment variable.
std::string option_entry(const CLI::Option& option) {
  std::string names = option.nonpositional() ? roff_bold(option_names(option)) : std::string();
  const std::string argument = option_argument(option);
  if (!argument.empty()) {
    if (!names.empty()) names += " ";
    names += "\\fI" + roff_text(argument, false) + "\\fR";
  }
  std::string text = roff_text(sentence(option.get_description()));
  if (!option.get_default_str().empty()) {
    text += fmt::format(" Default: {}.", roff_bold(option.get_default_str()));
  }
  if (!option.get_envname().empty()) {
    text += fmt::format(" Environment: {}.", roff_bold(option.get_envname()));
  }
  return fmt::format(".TP\n{}\n{}\n", names, text);
}

std::string option_entries(const CLI::App& app) {
  std::string text;
  for (const bool positional : {true, false}) {
    for (const CLI::Option* option : app.get_options({})) {
      if (option->get_positional() == positional) text += option_entry(*option);
    }
  }
  return text;
}

std::string synopsis(const CLI::App& app, const std::string& name) {
  std::string line = roff_bold(name);
  if (!app.get_options([](const CLI::Option* option) { return option->nonpositional(); }).empty()) {
    line += " [\\fIoptions\\fR]";
  }
  for (const CLI::Option* option : app.get_options({})) {
    if (!option->get_positional()) continue;
    std::string word = "\\fI" + roff_text(option->get_name(true), false) + "\\fR";
    if (option->get_expected_max() > 1) word += "...";
    line += option->get_required() ? " " + word : " [" + word + "]";
  }
  return line;
}

// The footer of --help as it is: examples and what follows them are lines for a terminal already.
std::string footer_block(const CLI::App& app) {
  const std::string footer = app.get_footer();
  return footer.empty() ? "" : ".PP\n" + roff_block(footer);
}

// A line for each command, and for the commands of commands.
std::string synopses(const CLI::App& app, const std::string& name) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!shown(*command)) continue;
    const std::string path = name + " " + command->get_name();
    const bool inner = !command->get_subcommands({}).empty();
    text += inner ? synopses(*command, path) : synopsis(*command, path) + "\n.br\n";
  }
  return text;
}

std::string command_entries(const CLI::App& app, const std::string& name) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (!shown(*command)) continue;
    const std::string path = name + " " + command->get_name();
    text += fmt::format(".SS {}\n{}\n", roff_text(path), roff_text(command->get_description()));
    text += option_entries(*command) + footer_block(*command) + command_entries(*command, path);
  }
  return text;
}

}  // namespace

std::string option_names(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string option_argument(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  if (option.get_items_expected_max() == 0) return "";
  const std::string type = option.get_type_name();
  const auto open = type.find('{');  // the names that are allowed
  const auto close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) {
    return type.substr(0, type.find_first_of(": "));
  }
  std::string names = type.substr(open + 1, close - open - 1);
  std::ranges::replace(names, ',', '|');
  return names;
}

std::string man_title(std::string_view name, int section, std::string_view version) {
  return fmt::format(".TH {} {} \"\" \"ringcast {}\" \"{}\"\n", upper(std::string(name)), section,
                     version, section == 5 ? "File formats" : "User commands");
}

std::string man_end(const ManPage& page) {
  std::string text;
  if (!page.files.empty()) text += ".SH FILES\n";
  for (const auto& [path, what] : page.files) {
    text += fmt::format(".TP\n\\fI{}\\fR\n{}\n", roff_text(path, false), roff_text(what));
  }
  if (!page.see_also.empty()) {
    text += ".SH SEE ALSO\n";
    std::vector<std::string> names;
    for (const std::string& name : page.see_also) {
      const auto paren = std::min(name.find('('), name.size());
      names.push_back(roff_bold(name.substr(0, paren)) + name.substr(paren));
    }
    text += fmt::format("{}\n", fmt::join(names, ",\n"));
  }
  return text;
}

std::string man_page(const CLI::App& app, const ManPage& page) {
  const std::string& name = app.get_name();
  std::string about = app.get_description();
  if (about.ends_with('.')) about.pop_back();
  std::string text = man_title(name, 1, page.version);
  text += fmt::format(".SH NAME\n{} \\- {}\n.SH SYNOPSIS\n", roff_text(name), roff_text(about));
  text += synopses(app, name);
  text += fmt::format("{} \\fB\\-\\-help\\fR\n", roff_bold(name));
  text += fmt::format(".SH DESCRIPTION\n{}\n", roff_text(page.description));
  text += ".SH OPTIONS\n" + option_entries(app);
  text += footer_block(app);
  text += ".SH COMMANDS\n" + command_entries(app, name);
  return text + man_end(page);
}

}  // namespace ringcast
