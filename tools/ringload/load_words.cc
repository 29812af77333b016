#include "tools/ringload/load_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ringcast::load {

Result<void> check_load_words(const std::vector<std::string>& words,
                              std::vector<std::string_view> ours) {
  constexpr std::array<std::string_view, 4> kLoads = {"sse", "ws", "chunked", "mcp"};
  if (words.empty() || std::ranges::find(kLoads, words.front()) == kLoads.end()) {
    return fail("bad_usage", fmt::format("`{}` is no load; behind -- stands sse, ws, chunked or "
                                         "mcp with its options.",
                                         words.empty() ? "" : words.front()));
  }
  ours.insert(ours.end(), {"--json", "--quiet"});
  for (const std::string_view word : words) {
    const std::string_view option = word.substr(0, word.find('='));
    if (std::ranges::find(ours, option) == ours.end()) continue;
    return fail("bad_usage", fmt::format("{} is not the load's to say here.", option));
  }
  return {};
}

}  // namespace ringcast::load
