#include "tools/ringload/address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "tools/ringload/arrival_stamp.h"

namespace ringcast::load {

bool Address::is_loopback_v4() const {
  if (storage.ss_family != AF_INET) return false;
  return ntohl(reinterpret_cast<const sockaddr_in&>(storage).sin_addr.s_addr) >> 24 == 127;
}

Result<Address> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return fail("cannot_resolve", fmt::format("Cannot resolve {}: {}.", host, gai_strerror(error)));
  }
  Address address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

std::size_t ports_of_a_source() {
  std::ifstream range("/proc/sys/net/ipv4/ip_local_port_range");
  std::size_t first = 32768;
  std::size_t last = 60999;
  range >> first >> last;
  return last < first ? 0 : last - first + 1;
}

Result<void> check_sources(const Address& to, std::size_t connections, unsigned sources) {
  const bool many = to.is_loopback_v4();
  if (sources > 1 && !many) {
    return fail("bad_usage", "--sources needs a server on an address of 127.0.0.0/8.");
  }
  if (many && sources == 0) return {};
  const std::size_t ports = ports_of_a_source();
  const std::size_t each = (connections + std::max(sources, 1U) - 1) / std::max(sources, 1U);
  if (each <= ports) return {};
  std::string help = "from here to one address of the server";
  if (many) help = fmt::format("of --sources {}; it takes {}", sources, connections / ports + 1);
  return fail("too_few_ports",
              fmt::format("{} connections from one address are more than its ports "
                          "(net.ipv4.ip_local_port_range has {}), {}.",
                          each, ports, help));
}

Result<int> open_socket(const Address& to, const SocketOptions& options) {
  const int fd = socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return fail("cannot_open_socket", fmt::format("socket: {}.", std::strerror(errno)));
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (options.reset) {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  if (options.stamped) {
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &ArrivalStamp::kAsked, sizeof(int));
  }
  if (options.receive_buffer_bytes != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes,
               sizeof options.receive_buffer_bytes);
  }
  if (options.source != 0 && to.is_loopback_v4()) {
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in from{};
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + options.source);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) != 0) {
      const int error = errno;
      close(fd);
      return fail("cannot_open_socket", fmt::format("bind: {}.", std::strerror(error)));
    }
  }
  return fd;
}

}  // namespace ringcast::load
