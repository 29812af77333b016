#include "core/topic_name.h"

#include <algorithm>

namespace ringcast {
namespace {

bool is_topic_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80) return true;  // UTF-8 was checked where the name came in
  if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')) return true;
  if (byte >= '0' && byte <= '9') return true;
  return std::string_view("._-:/@~+=").find(c) != std::string_view::npos;
}

}  // namespace

bool is_topic_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostTopicBytes &&
         std::ranges::all_of(name, is_topic_byte);
}

bool is_topic_pattern(std::string_view pattern) {
  return pattern.size() <= kMostTopicBytes && pattern.find('*') != std::string_view::npos &&
         std::ranges::all_of(pattern, [](char c) { return c == '*' || is_topic_byte(c); });
}

bool topic_matches(std::string_view pattern, std::string_view name) {
  // Greedy with one point to come back to: linear for one star, never exponential.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::uint64_t topic_hash(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a, then a finaliser: FNV's high bits are weak
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

}  // namespace ringcast
