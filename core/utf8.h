// UTF-8 (RFC 3629 §4), whole or in pieces: no overlong forms, no surrogates, nothing above
// U+10FFFF.
//
//   Utf8Validator text;
//   for (piece : pieces) if (!text.feed(piece)) …   // false with the first byte that cannot stand
//   if (!text.at_boundary()) …                      // ended inside a character
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringcast {

// Three bytes of state, so that every connection may have one.
class Utf8Validator {
 public:
  // False once a byte came that no text could have there; it stays false until reset().
  bool feed(std::string_view piece);
  // True where a text may end: between characters.
  bool at_boundary() const { return missing_ == 0; }
  void reset() { *this = {}; }

 private:
  static constexpr std::uint8_t kFailed = 0xff;

  bool step(unsigned char byte);

  std::uint8_t missing_ = 0;  // bytes of the character under way
  std::uint8_t low_ = 0;      // between these its next byte has to be
  std::uint8_t high_ = 0;
};

bool is_valid_utf8(std::string_view text);

// The bytes of the character that `text` starts with; 0 if it starts with none.
std::size_t utf8_length(std::string_view text);

// The longest front of `text` of at most `most_bytes` that ends between characters. The text is
// valid UTF-8; otherwise as much as looks like it.
std::string_view cut_utf8(std::string_view text, std::size_t most_bytes);

}  // namespace ringcast
