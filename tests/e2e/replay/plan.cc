#include "tests/e2e/replay/plan.h"

#include <fmt/format.h>

#include <charconv>
#include <iterator>

namespace ringcast {

std::vector<std::uint32_t> Plan::topics_of(std::uint32_t publisher) const {
  std::vector<std::uint32_t> own;
  for (std::uint32_t topic = 0; topic < topics; ++topic) {
    if (publishes(publisher, topic)) own.push_back(topic);
  }
  return own;
}

std::vector<std::uint32_t> Plan::totals() const {
  std::vector<std::uint32_t> totals(streams());
  for (std::uint32_t publisher = 0; publisher < publishers; ++publisher) {
    const std::uint32_t share = events / publishers + (publisher < events % publishers ? 1 : 0);
    const std::vector<std::uint32_t> own = topics_of(publisher);
    const auto count = static_cast<std::uint32_t>(own.size());
    for (std::uint32_t i = 0; i < count; ++i) {
      totals[stream(publisher, own[i])] = share / count + (i < share % count ? 1 : 0);
    }
  }
  return totals;
}

void append_data(std::string& out, const EventKey& key) {
  fmt::format_to(std::back_inserter(out), "{}.{}.{}|", key.publisher, key.topic, key.sequence);
  std::uint32_t mix = (key.sequence * 2654435761U) ^ (key.topic << 20) ^ (key.publisher << 24);
  for (std::uint32_t left = (mix >> 8) % 64; left > 0; --left) {
    mix = mix * 1664525U + 1013904223U;
    out += static_cast<char>('a' + (mix >> 27) % 26);
    if ((mix >> 16) % 200 == 0) out += '\n';
  }
}

bool read_key(std::string_view data, EventKey& key) {
  const char* at = data.data();
  const char* const end = at + data.size();
  for (auto [number, mark] : {std::pair{&key.publisher, '.'}, std::pair{&key.topic, '.'},
                              std::pair{&key.sequence, '|'}}) {
    const auto read = std::from_chars(at, end, *number);
    if (read.ec != std::errc{} || read.ptr == end || *read.ptr != mark) return false;
    at = read.ptr + 1;
  }
  return true;
}

}  // namespace ringcast
