// Ranges of addresses, as 10.0.0.0/8, fd00::/8, or a single address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/client_address.h"

namespace ringcast {

struct AddressRange {
  std::array<std::uint8_t, 16> bytes{};  // IPv6, or IPv4 mapped into it
  std::uint8_t bits = 128;               // of them that count

  // Nothing too if bits are set that do not count: 10.0.0.1/8 is a slip.
  static std::optional<AddressRange> parse(std::string_view text);

  // No range of IPv6 contains an IPv4 address, ::/0 included. A Unix socket is in none.
  bool contains(const ClientAddress& address) const;
};

}  // namespace ringcast
