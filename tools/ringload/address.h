// Where to connect to, and from.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace ringcast::load {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  bool is_loopback_v4() const;  // 127.0.0.0/8
};

// Errors: cannot_resolve.
Result<Address> resolve(const std::string& host, std::uint16_t port);

struct SocketOptions {
  // Connections with the same number come from the same address. On loopback each number is another
  // address of 127.0.0.0/8, 0 the first: the ephemeral ports (28,000 for each pair of addresses)
  // are not enough for all. Elsewhere it has no effect.
  unsigned source = 0;
  int receive_buffer_bytes = 0;  // 0: the system's default
  // Closing resets the connection, so that nothing is left in TIME_WAIT.
  bool reset = true;
  // The kernel stamps what arrives: see ArrivalStamp.
  bool stamped = false;
};

// How many connections one source address can have to one server (net.ipv4.ip_local_port_range).
std::size_t ports_of_a_source();

// Whether so many connections from `sources` addresses (0: as many as it takes) can be had. Errors:
// bad_usage, too_few_ports.
Result<void> check_sources(const Address& to, std::size_t connections, unsigned sources);

// A TCP socket that is ready to connect. Errors: cannot_open_socket.
Result<int> open_socket(const Address& to, const SocketOptions& options);

}  // namespace ringcast::load
