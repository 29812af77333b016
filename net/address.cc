#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace ringcast {

Result<SocketAddress> parse_address(std::string_view text) {
  const auto bad = [text] {
    return fail("bad_address", fmt::format("`{}` is no address; write HOST:PORT, such as "
                                           "127.0.0.1:8080 or [::1]:8080.",
                                           text));
  };
  const std::size_t colon = text.rfind(':');
  const bool port_only = colon == std::string_view::npos;
  std::string_view host = port_only ? "127.0.0.1" : text.substr(0, colon);
  const std::string_view port = port_only ? text : text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad();
  }
  std::uint16_t number = 0;
  const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != port.data() + port.size()) return bad();
  const std::string name(host.empty() ? "0.0.0.0" : host);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(name.c_str(), std::string(port).c_str(), &hints, &found);
  if (error != 0 || found == nullptr) {
    return fail("unknown_host",
                fmt::format("Host `{}` is not known: {}.", name, gai_strerror(error)));
  }
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  freeaddrinfo(found);
  return address;
}

Result<SocketAddress> parse_unix_address(std::string_view text) {
  constexpr std::string_view kPrefix = "unix:";
  const std::string_view name = text.substr(std::min(kPrefix.size(), text.size()));
  const bool abstract = name.starts_with('@');
  SocketAddress address;
  auto& un = reinterpret_cast<sockaddr_un&>(address.storage);
  // The kernel wants no zero behind an abstract name, and has one more byte for it then.
  const std::size_t most = sizeof un.sun_path - (abstract ? 0 : 1);
  if (!text.starts_with(kPrefix) || name.contains('\0') || name.size() < 2 ||
      (!abstract && !name.starts_with('/'))) {
    return fail("bad_address", fmt::format("`{}` is no Unix socket; write unix:/PATH, such as "
                                           "unix:/run/ringcast/ringcast.sock, or unix:@NAME.",
                                           text));
  }
  if (name.size() > most) {
    return fail("bad_address",
                fmt::format("The name of the Unix socket `{}` has {} bytes; at most {} are "
                            "possible.",
                            text, name.size(), most));
  }
  un.sun_family = AF_UNIX;
  std::ranges::copy(name, un.sun_path);
  if (abstract) un.sun_path[0] = '\0';
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (!abstract) ++address.length;
  return address;
}

bool is_unix(const SocketAddress& address) { return address.storage.ss_family == AF_UNIX; }

std::string host_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_unix(address)) return address_text(address);
  if (address.storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
  } else {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    inet_ntop(AF_INET, &in4.sin_addr, text.data(), text.size());
  }
  return text.data();
}

std::uint16_t port_of(const SocketAddress& address) {
  // It lies in the same place in both families.
  return ntohs(reinterpret_cast<const sockaddr_in&>(address.storage).sin_port);
}

std::string address_text(const SocketAddress& address) {
  if (is_unix(address)) {
    const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
    constexpr std::size_t kBegin = offsetof(sockaddr_un, sun_path);
    if (address.length <= kBegin) return "unix:";
    const std::size_t size = address.length - kBegin;
    if (un.sun_path[0] != '\0') return fmt::format("unix:{}", un.sun_path);
    return fmt::format("unix:@{}", std::string_view(un.sun_path + 1, size - 1));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return fmt::format("[{}]:{}", host_text(address), ntohs(in6.sin6_port));
  }
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  return fmt::format("{}:{}", host_text(address), ntohs(in4.sin_port));
}

}  // namespace ringcast
