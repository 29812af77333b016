#include "net/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>

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

std::string host_text(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &in6.sin6_addr, text.data(), text.size());
  } else {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    inet_ntop(AF_INET, &in4.sin_addr, text.data(), text.size());
  }
  return text.data();
}

std::string address_text(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    return fmt::format("[{}]:{}", host_text(address), ntohs(in6.sin6_port));
  }
  const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  return fmt::format("{}:{}", host_text(address), ntohs(in4.sin_port));
}

}  // namespace ringcast
