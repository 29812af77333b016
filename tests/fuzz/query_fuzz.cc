// URLs: decoding never grows a text nor leaves its buffer, is the inverse of encoding, and UTF-8 is
// judged like a decoder of code points judges it.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "net/url.h"

namespace ringcast {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::optional<Pairs> pairs_of(std::string_view raw) {
  std::string scratch(raw.size(), '\0');
  std::vector<std::pair<std::string_view, std::string_view>> views;
  Query query(raw, scratch);
  while (query.next()) views.emplace_back(query.key(), query.value());
  if (query.failed()) {
    RINGCAST_CHECK(query.error().status == 400);
    return std::nullopt;
  }
  return Pairs(views.begin(), views.end());
}

void check_decoding(std::string_view raw) {
  for (PlusSign plus : {PlusSign::literal, PlusSign::space}) {
    std::string out(raw.size(), '\0');
    std::string in_place(raw);
    const auto decoded = percent_decode(raw, out, plus);
    const auto same = percent_decode(in_place, in_place, plus);
    RINGCAST_CHECK(decoded == same);
    if (!decoded) continue;
    RINGCAST_CHECK(decoded->find('\0') == std::string_view::npos);
    const std::string encoded = encode(*decoded);
    std::string again(encoded.size(), '\0');
    RINGCAST_CHECK(percent_decode(encoded, again, plus) == decoded);
    // A buffer of just the right size is enough, one byte less is an error.
    std::string exact(decoded->size(), '\0');
    RINGCAST_CHECK(percent_decode(raw, exact, plus) == decoded);
    if (decoded->empty()) continue;
    exact.pop_back();
    RINGCAST_CHECK(percent_decode(raw, exact, plus).error().status == 500);
  }
}

void check_query(std::string_view raw) {
  const std::optional<Pairs> pairs = pairs_of(raw);
  if (!pairs) return;
  std::string canonical;
  for (const auto& [key, value] : *pairs) canonical += encode(key) + "=" + encode(value) + "&";
  RINGCAST_CHECK(pairs_of(canonical) == pairs);
}

void check_path(std::string_view raw) {
  std::string out(raw.size(), '\0');
  const auto path = decode_path(raw, out);
  if (!path) return;
  RINGCAST_CHECK(path->starts_with('/') && is_valid_utf8(*path));
  const std::string framed = std::string(*path) + "/";
  RINGCAST_CHECK(framed.find("/../") == std::string::npos);
  RINGCAST_CHECK(framed.find("/./") == std::string::npos);
}

// By the code points rather than by the bytes.
bool plain_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int more = lead >> 5 == 6 ? 1 : lead >> 4 == 14 ? 2 : lead >> 3 == 30 ? 3 : 0;
    if (more == 0) return false;
    std::uint32_t code = lead & (0x3fU >> more);
    for (int n = 0; n < more; ++n, ++i) {
      if (i >= text.size() || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return false;
      code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3fU);
    }
    const std::uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}

void check_utf8(std::string_view raw) {
  const bool valid = plain_utf8(raw);
  RINGCAST_CHECK(is_valid_utf8(raw) == valid);
  std::string_view rest = raw;
  while (const std::size_t length = utf8_length(rest)) {
    RINGCAST_CHECK(plain_utf8(rest.substr(0, length)));
    rest.remove_prefix(length);
  }
  RINGCAST_CHECK(rest.empty() == valid);
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  check_utf8(raw);
  check_decoding(raw);
  check_query(raw);
  check_path(raw);
  return 0;
}
