#include "net/address_range.h"

#include <charconv>

namespace ringcast {
namespace {

constexpr std::uint8_t kV4Bits = 96;  // before an IPv4 address, where it is mapped

bool same_bits(const std::array<std::uint8_t, 16>& a, const std::array<std::uint8_t, 16>& b,
               std::size_t bits) {
  for (std::size_t i = 0; i < bits / 8; ++i) {
    if (a[i] != b[i]) return false;
  }
  const auto mask = static_cast<std::uint8_t>(0xff00U >> (bits % 8));
  return bits % 8 == 0 || ((a[bits / 8] ^ b[bits / 8]) & mask) == 0;
}

}  // namespace

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const bool v6 = host.contains(':');
  std::array<std::uint8_t, 16> bytes{};
  if (host != "::") {  // no client, but the begin of a range
    const auto address = ClientAddress::parse(host);
    if (!address) return std::nullopt;
    bytes = address->bytes;
  }
  std::uint8_t bits = 128;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), bits);
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (error != std::errc{} || end != digits.end() || padded) return std::nullopt;
    if (bits > (v6 ? 128 : 32)) return std::nullopt;
    if (!v6) bits = static_cast<std::uint8_t>(bits + kV4Bits);
  }
  std::array<std::uint8_t, 16> cut{};
  for (std::size_t i = 0; i < 16; ++i) {
    if (i < bits / 8U) cut[i] = bytes[i];
    if (i == bits / 8U) cut[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> (bits % 8)));
  }
  if (cut != bytes) return std::nullopt;
  return AddressRange{bytes, bits};
}

bool AddressRange::contains(const ClientAddress& address) const {
  if (address.unix_socket()) return false;
  const bool v4 = ClientAddress{.bytes = bytes}.is_v4() && bits >= kV4Bits;
  return v4 == address.is_v4() && same_bits(bytes, address.bytes, bits);
}

}  // namespace ringcast
