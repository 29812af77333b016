// Character classes of HTTP (RFC 9110 §5.6, RFC 3986 §2), one table look-up each.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ringcast::chars {

inline constexpr std::uint8_t kToken = 1;        // tchar
inline constexpr std::uint8_t kFieldText = 2;    // HTAB, SP, VCHAR, obs-text
inline constexpr std::uint8_t kTarget = 4;       // what may stand in a request target
inline constexpr std::uint8_t kHex = 8;          // HEXDIG
inline constexpr std::uint8_t kRegName = 16;     // unreserved and sub-delims without the comma
inline constexpr std::uint8_t kDigit = 32;       // DIGIT
inline constexpr std::uint8_t kQuotedText = 64;  // qdtext

consteval std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  const auto mark = [&](std::string_view set, std::uint8_t bits) {
    for (char c : set) table[static_cast<unsigned char>(c)] |= bits;
  };
  for (std::size_t c = 0; c < 256; ++c) {
    const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (alpha || digit) table[c] |= kToken | kRegName;
    if (digit) table[c] |= kDigit | kHex;
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) table[c] |= kHex;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) table[c] |= kFieldText;
    if (c > 0x20 && c < 0x7f && c != '#') table[c] |= kTarget;
    const bool text = c == '\t' || (c >= 0x20 && c != 0x7f);
    if (text && c != '"' && c != '\\') table[c] |= kQuotedText;
  }
  mark("!#$%&'*+-.^_`|~", kToken);
  // A comma is legal in a reg-name, but a list of hosts is what it would be read as.
  mark("-._~!$&'()*+;=", kRegName);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kTable = make_table();

constexpr bool is(char c, std::uint8_t classes) {
  return (kTable[static_cast<unsigned char>(c)] & classes) != 0;
}

constexpr bool all(std::string_view text, std::uint8_t classes) {
  for (char c : text) {
    if (!is(c, classes)) return false;
  }
  return true;
}

// How many characters at the front of `text` are field text: eight at a time while none of them is
// a control character, since a head is mostly this.
inline std::size_t field_text_length(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHighBits = kOnes * 0x80;
  std::size_t n = 0;
  while (true) {
    for (; text.size() - n >= 8; n += 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + n, 8);
      const std::uint64_t del = word ^ (kOnes * 0x7f);
      const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
      const std::uint64_t is_del = (del - kOnes) & ~del;
      if (((below_blank | is_del) & kHighBits) != 0) break;
    }
    // A tab is a control character and field text nevertheless.
    const std::size_t stop = std::min(text.size(), n + 8);
    while (n < stop && is(text[n], kFieldText)) ++n;
    if (n < stop || n == text.size()) return n;
  }
}

// token = 1*tchar
constexpr bool is_token(std::string_view text) { return !text.empty() && all(text, kToken); }

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Without the optional white space (OWS) at both ends.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Equal without regard to the case of ASCII letters.
constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

// Value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char l = lower(c);
  return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

// The next member of a comma separated list, trimmed; false at the end of the list. Empty members
// are skipped, as RFC 9110 §5.6.1 asks of a recipient.
constexpr bool next_member(std::string_view& list, std::string_view& member) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    member = trim(list.substr(0, comma));
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    if (!member.empty()) return true;
  }
  return false;
}

}  // namespace ringcast::chars
