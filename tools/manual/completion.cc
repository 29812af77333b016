#include "tools/manual/completion.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/manual/man_page.h"

namespace ringcast {
namespace {

// Where the words before the last one lead: the command, and what the next word is for.
struct Place {
  const CLI::App* app = nullptr;
  std::string path;                     // "serve "
  const CLI::Option* option = nullptr;  // whose value comes next
  std::size_t positionals = 0;          // that are there
};

const CLI::Option* find_option(const CLI::App& app, std::string_view word) {
  for (const CLI::Option* option : app.get_options({})) {
    const bool known =
        word.starts_with("--")
            ? std::ranges::find(option->get_lnames(), word.substr(2)) != option->get_lnames().end()
            : word.starts_with("-") && std::ranges::find(option->get_snames(), word.substr(1)) !=
                                           option->get_snames().end();
    if (known) return option;
  }
  return nullptr;
}

const CLI::App* find_command(const CLI::App& app, std::string_view word) {
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word && !command->get_group().empty()) return command;
  }
  return nullptr;
}

Place walk(const CLI::App& app, std::span<const std::string> before) {
  Place place;
  place.app = &app;
  for (const std::string& word : before) {
    if (place.option != nullptr) {
      place.option = nullptr;
    } else if (word.starts_with('-') && word != "-") {
      const CLI::Option* option = find_option(*place.app, word);
      if (option != nullptr && option->get_items_expected_max() != 0) place.option = option;
    } else if (const CLI::App* command = find_command(*place.app, word)) {
      place.app = command;
      place.path += word + " ";
    } else {
      ++place.positionals;
    }
  }
  return place;
}

std::vector<Candidate> choices_of(const CLI::Option& option) {
  std::vector<Candidate> candidates;
  const std::string type = option.get_type_name();
  const auto open = type.find('{');
  const auto close = type.find('}');
  if (open == std::string::npos || close == std::string::npos) return candidates;
  std::string_view rest = std::string_view(type).substr(open + 1, close - open - 1);
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    candidates.push_back({std::string(rest.substr(0, end)), ""});
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return candidates;
}

// The values of an option or positional that begin with `text`, each after `before`.
void add_values(CandidateList& out, const Place& place, const CLI::Option& option,
                const CompletionHints& hints, std::string_view before, std::string_view text) {
  std::vector<std::string> names;
  if (option.get_positional()) names.push_back(option.get_name(true));
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  std::vector<Candidate> all = choices_of(option);
  for (const std::string& name : names) {
    const auto hint = hints.values.find(place.path + name);
    if (hint != hints.values.end()) all = hint->second(text);
    const std::string key = place.path + name;
    if (std::ranges::find(hints.files, key) != hints.files.end()) out.files = true;
  }
  for (Candidate& candidate : all) {
    if (!candidate.word.starts_with(text)) continue;
    candidate.word.insert(0, before);
    out.candidates.push_back(std::move(candidate));
  }
}

void add_options(CandidateList& out, const CLI::App& app, std::string_view text) {
  for (const CLI::Option* option : app.get_options({})) {
    for (const std::string& name : option->get_lnames()) {
      const std::string word = "--" + name;
      if (word.starts_with(text)) out.candidates.push_back({word, option->get_description()});
    }
  }
}

void add_plain(CandidateList& out, const Place& place, const CompletionHints& hints,
               std::string_view text) {
  for (const CLI::App* command : place.app->get_subcommands({})) {
    if (command->get_group().empty() || !command->get_name().starts_with(text)) continue;
    out.candidates.push_back({command->get_name(), command->get_description()});
  }
  std::size_t position = 0;
  for (const CLI::Option* option : place.app->get_options({})) {
    if (!option->get_positional()) continue;
    const bool many = option->get_expected_max() > 1;
    if (position == place.positionals || (many && position < place.positionals)) {
      add_values(out, place, *option, hints, "", text);
      return;
    }
    ++position;
  }
}

// Nothing in it ends a line or a column.
std::string one_line(std::string_view text) {
  std::string line(text);
  for (char& c : line) c = c == '\n' || c == '\t' ? ' ' : c;
  return line;
}

}  // namespace

CandidateList complete_words(const CLI::App& app, const CompletionHints& hints,
                             std::span<const std::string> words) {
  CandidateList out;
  if (words.empty()) return out;
  const std::string_view text = words.back();
  const Place place = walk(app, words.first(words.size() - 1));
  const auto equals = text.find('=');
  if (place.option != nullptr) {
    add_values(out, place, *place.option, hints, "", text);
  } else if (text.starts_with("--") && equals != std::string_view::npos) {
    const CLI::Option* option = find_option(*place.app, text.substr(0, equals));
    if (option != nullptr) {
      add_values(out, place, *option, hints, text.substr(0, equals + 1), text.substr(equals + 1));
    }
  } else if (text.starts_with('-')) {
    add_options(out, *place.app, text);
  } else {
    add_plain(out, place, hints, text);
  }
  return out;
}

std::string completion_lines(const CandidateList& completion) {
  std::string text;
  for (const Candidate& candidate : completion.candidates) {
    text += one_line(candidate.word);
    if (!candidate.about.empty()) text += '\t' + one_line(candidate.about);
    text += '\n';
  }
  if (completion.files) text += ":files\n";
  return text;
}

}  // namespace ringcast
