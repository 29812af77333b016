// What payloads are filled with behind their stamp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ringcast::load {

// Letters without a pattern, so that an exchange of any two parts shows.
inline std::string filling(std::size_t bytes) {
  std::string text(bytes, 'x');
  std::uint32_t state = 1;
  for (char& c : text) {
    state = state * 1664525 + 1013904223;
    c = static_cast<char>('a' + (state >> 24) % 26);
  }
  return text;
}

}  // namespace ringcast::load
