#include <string>
#include <string_view>

#include "tools/manual/completion.h"

namespace ringcast {
namespace {

// In each, PROGRAM stands for the program's name. The word the user typed is what is asked, so that
// a program beside the installed one completes itself.

// readline cuts words at `=` and `:` too, the program does not: the line is split at blanks, and
// of a candidate only what follows the last cut is handed over.
constexpr std::string_view kBash = R"(# bash completion for PROGRAM, which is asked itself
_PROGRAM() {
  local line=${COMP_LINE:0:COMP_POINT} current='' cut answer word
  local -a words=()
  read -ra words <<<"$line"
  if [[ $line == *[[:space:]] ]]; then words+=(''); fi
  current=${words[-1]}
  cut=${current%"${current##*[=:]}"}
  COMPREPLY=()
  while IFS= read -r answer; do
    if [[ $answer == :files ]]; then
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done \
        < <(compgen -f -- "${current#"$cut"}")
      continue
    fi
    word=${answer%%$'\t'*}
    COMPREPLY+=("${word#"$cut"}")
    if [[ $word == *= ]]; then compopt -o nospace 2>/dev/null; fi
  done < <("${COMP_WORDS[0]}" complete-words "${words[@]:1}" 2>/dev/null)
}
complete -F _PROGRAM PROGRAM
)";

constexpr std::string_view kZsh = R"(#compdef PROGRAM
# zsh completion for PROGRAM, which is asked itself
_PROGRAM() {
  local answer word about files=0
  local -a whole open
  while IFS= read -r answer; do
    if [[ $answer == :files ]]; then
      files=1
      continue
    fi
    word=${answer%%$'\t'*}
    about=
    if [[ $answer == *$'\t'* ]]; then about=${answer#*$'\t'}; fi
    word=${word//:/\\:}
    if [[ $word == *= ]]; then open+=("$word:$about"); else whole+=("$word:$about"); fi
  done < <($words[1] complete-words "${(@Q)words[2,CURRENT]}" 2>/dev/null)
  if (( $#whole )); then _describe -t values PROGRAM whole; fi
  if (( $#open )); then _describe -t settings setting open -S ''; fi
  if (( files )); then
    compset -P '--*='
    _files
  fi
}
if [[ $funcstack[1] == _PROGRAM ]]; then _PROGRAM "$@"; else compdef _PROGRAM PROGRAM; fi
)";

constexpr std::string_view kFish = R"(# fish completion for PROGRAM, which is asked itself
function __PROGRAM_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  for answer in ($words[1] complete-words $words[2..-1] "$current" 2>/dev/null)
    if test "$answer" = :files
      set -l before (string match -r -- '^--[^=]*=' "$current")
      for path in (__fish_complete_path (string replace -- "$before" '' "$current"))
        printf '%s\n' "$before$path"
      end
    else
      printf '%s\n' $answer
    end
  end
end
complete -c PROGRAM -f -a '(__PROGRAM_complete)'
)";

}  // namespace

std::optional<std::string> completion_script(std::string_view shell, std::string_view program) {
  std::string text(shell == "bash" ? kBash : shell == "zsh" ? kZsh : shell == "fish" ? kFish : "");
  if (text.empty()) return std::nullopt;
  constexpr std::string_view kName = "PROGRAM";
  for (std::size_t at = text.find(kName); at != std::string::npos; at = text.find(kName, at)) {
    text.replace(at, kName.size(), program);
    at += program.size();
  }
  return text;
}

}  // namespace ringcast
