// Topic names and patterns.
//
// A name is 1 to 200 bytes of UTF-8 without controls, spaces, `*`, `?`, `#`, `%`, quotes or
// backslashes. In a pattern `*` stands for any run of characters, also an empty one.
#pragma once

#include <cstdint>
#include <string_view>

namespace ringcast {

inline constexpr std::size_t kMostTopicBytes = 200;

bool is_topic_name(std::string_view name);
bool is_topic_pattern(std::string_view pattern);  // a valid name once every `*` is gone, with a `*`
bool topic_matches(std::string_view pattern, std::string_view name);
std::uint64_t topic_hash(std::string_view name);  // the same in every process

// The core on which a topic lives.
inline unsigned topic_home(std::uint64_t hash, unsigned homes) {
  return static_cast<unsigned>((hash >> 32) % homes);
}

}  // namespace ringcast
