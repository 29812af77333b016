// Who sent a request, as an address: 16 bytes, whatever the family, so that it is a key as well.
//
// A client of a Unix socket has the address of zeros, which no client of a network has; its text is
// `unix:`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "net/address.h"

namespace ringcast {

struct ClientAddress {
  // Room for the longest text.
  using TextBuffer = std::array<char, 48>;

  std::array<std::uint8_t, 16> bytes{};  // IPv6, or IPv4 mapped into it (RFC 4291 §2.5.5.2)
  // Told of by a proxy on another machine, or told in a way that cannot be read: whatever the bytes
  // are, it is not a client of this machine.
  bool elsewhere = false;

  static ClientAddress of(const SocketAddress& address);
  static ClientAddress of_v4(const void* four_bytes);
  // Numbers only, IPv6 without brackets and zone.
  static std::optional<ClientAddress> parse(std::string_view text);

  bool is_v4() const;
  bool unix_socket() const { return bytes == decltype(bytes){}; }
  // On this machine: over loopback or a Unix socket.
  bool loopback() const;
  // What one subscriber of a network provider has for himself: all of an IPv4 address, the first 64
  // bits of an IPv6 one; the rest is zero.
  ClientAddress prefix64() const;
  // As RFC 5952 writes it; the text lies in `buffer`.
  std::string_view text(std::span<char, 48> buffer) const;

  bool operator==(const ClientAddress& other) const { return bytes == other.bytes; }
};

}  // namespace ringcast
