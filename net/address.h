// Addresses of sockets as text and as the kernel takes them.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace ringcast {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, `:8080` (every IPv4 address), `8080` (this
// machine only). Resolves names, so it may wait for DNS: not for use in a turn. Errors:
// bad_address, unknown_host.
Result<SocketAddress> parse_address(std::string_view text);

// `unix:/run/ringcast.sock`, or `unix:@name` in the abstract name space. Errors: bad_address.
Result<SocketAddress> parse_unix_address(std::string_view text);
bool is_unix(const SocketAddress& address);

std::string address_text(const SocketAddress& address);  // with port
std::string host_text(const SocketAddress& address);     // without; brackets around IPv6 left out
std::uint16_t port_of(const SocketAddress& address);     // of an internet address

}  // namespace ringcast
