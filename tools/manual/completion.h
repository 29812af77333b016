// What a shell offers when somebody presses Tab. The scripts for the shells ask the program itself,
// so they know what that very program knows; nothing here asks a server.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {

struct Candidate {
  std::string word;  // one that ends with `=` goes on
  std::string about;
};

// What may be written in a place; `text` is what is there of it.
using Values = std::function<std::vector<Candidate>(std::string_view text)>;

struct CompletionHints {
  // Of options and positionals, "serve --set", "features NAME". Those whose values are checked by
  // CLI::IsMember need none.
  std::map<std::string, Values> values;
  std::vector<std::string> files;  // of those that are file names
};

struct CandidateList {
  std::vector<Candidate> candidates;
  bool files = false;  // file names are welcome too
};

// Of the last word, which may be empty; the program's name is not among the words.
CandidateList complete_words(const CLI::App& app, const CompletionHints& hints,
                             std::span<const std::string> words);

// As the scripts read it: a candidate a line with a tab before what it is about, and `:files`.
std::string completion_lines(const CandidateList& completion);

// The script for bash, zsh or fish; nothing for another shell.
std::optional<std::string> completion_script(std::string_view shell, std::string_view program);

}  // namespace ringcast
