#include "core/utf8.h"

#include <cstddef>
#include <cstring>

namespace ringcast {
namespace {

// Bytes of ASCII at the front, eight at a time.
std::size_t ascii_length(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080U;
  std::size_t n = 0;
  for (; text.size() - n >= 8; n += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + n, 8);
    if ((word & kHighBits) != 0) break;
  }
  while (n < text.size() && static_cast<unsigned char>(text[n]) < 0x80) ++n;
  return n;
}

}  // namespace

bool Utf8Validator::step(unsigned char byte) {
  if (missing_ > 0) {
    if (byte < low_ || byte > high_) return false;
    low_ = 0x80;
    high_ = 0xbf;
    --missing_;
    return true;
  }
  if (byte < 0x80) return true;
  if (byte < 0xc2 || byte > 0xf4) return false;
  missing_ = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
  low_ = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;   // overlong forms
  high_ = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;  // surrogates, above U+10FFFF
  return true;
}

bool Utf8Validator::feed(std::string_view piece) {
  if (missing_ == kFailed) return false;
  while (!piece.empty()) {
    if (missing_ == 0) piece.remove_prefix(ascii_length(piece));
    // Other scripts come in runs: the next search for ASCII is worth it only after a character.
    while (!piece.empty() && (missing_ > 0 || static_cast<unsigned char>(piece.front()) >= 0x80)) {
      if (!step(static_cast<unsigned char>(piece.front()))) {
        missing_ = kFailed;
        return false;
      }
      piece.remove_prefix(1);
    }
  }
  return true;
}

bool is_valid_utf8(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.at_boundary();
}

std::size_t utf8_length(std::string_view text) {
  if (!text.empty() && static_cast<unsigned char>(text.front()) < 0x80) return 1;
  Utf8Validator character;
  for (std::size_t length = 1; length <= text.size(); ++length) {
    if (!character.feed(text.substr(length - 1, 1))) return 0;
    if (character.at_boundary()) return length;
  }
  return 0;
}

std::string_view cut_utf8(std::string_view text, std::size_t most_bytes) {
  if (text.size() <= most_bytes) return text;
  std::size_t end = most_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace ringcast
