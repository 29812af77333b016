#include "tools/ringcast/cli_suggestion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace ringcast {
namespace {

// Edits (insert, delete, replace) that turn one word into the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t n = 0; n <= b.size(); ++n) row[n] = n;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string suggestion(std::string_view word, std::span<const std::string> known) {
  const std::string* best = nullptr;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 3, 2) + 1;
  for (const std::string& each : known) {
    const bool begun = word.size() >= 3 && std::string_view(each).starts_with(word);
    const std::size_t edits = begun ? 1 : distance(word, each);
    if (edits < best_distance) {
      best = &each;
      best_distance = edits;
    }
  }
  return best == nullptr ? "" : fmt::format(" Did you mean `{}`?", *best);
}

std::string unknown_word(std::string_view kind, std::string_view word,
                         std::span<const std::string> known) {
  return fmt::format("There is no {} `{}`.{} There are: {}.", kind, word, suggestion(word, known),
                     fmt::join(known, ", "));
}

}  // namespace ringcast
