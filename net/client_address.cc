#include "net/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace ringcast {
namespace {

constexpr std::array<std::uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::array<std::uint8_t, 16> kV6Loopback = {0, 0, 0, 0, 0, 0, 0, 0,
                                                      0, 0, 0, 0, 0, 0, 0, 1};

}  // namespace

ClientAddress ClientAddress::of_v4(const void* four_bytes) {
  ClientAddress result;
  std::ranges::copy(kV4Prefix, result.bytes.begin());
  std::memcpy(result.bytes.data() + kV4Prefix.size(), four_bytes, 4);
  return result;
}

ClientAddress ClientAddress::of(const SocketAddress& address) {
  if (address.storage.ss_family == AF_INET) {
    return of_v4(&reinterpret_cast<const sockaddr_in&>(address.storage).sin_addr);
  }
  ClientAddress result;
  if (address.storage.ss_family == AF_INET6) {
    std::memcpy(result.bytes.data(),
                &reinterpret_cast<const sockaddr_in6&>(address.storage).sin6_addr, 16);
  }
  return result;
}

std::optional<ClientAddress> ClientAddress::parse(std::string_view text) {
  TextBuffer terminated;
  if (text.size() >= terminated.size() || text.contains('\0')) return std::nullopt;
  *std::ranges::copy(text, terminated.begin()).out = '\0';
  if (!text.contains(':')) {
    in_addr v4{};
    if (inet_pton(AF_INET, terminated.data(), &v4) != 1) return std::nullopt;
    return of_v4(&v4);
  }
  ClientAddress result;
  if (inet_pton(AF_INET6, terminated.data(), result.bytes.data()) != 1) return std::nullopt;
  if (result.unix_socket()) return std::nullopt;  // `::`, from which nobody sends
  return result;
}

bool ClientAddress::is_v4() const {
  return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin());
}

bool ClientAddress::loopback() const {
  if (elsewhere) return false;
  return unix_socket() || bytes == kV6Loopback || (is_v4() && bytes[12] == 127);
}

ClientAddress ClientAddress::prefix64() const {
  ClientAddress result = *this;
  if (!is_v4() && bytes != kV6Loopback) std::ranges::fill(std::span(result.bytes).subspan(8), 0);
  return result;
}

std::string_view ClientAddress::text(std::span<char, 48> buffer) const {
  if (unix_socket()) {
    constexpr std::string_view kUnix = "unix:";
    std::ranges::copy(kUnix, buffer.begin());
    return {buffer.data(), kUnix.size()};
  }
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + kV4Prefix.size(), buffer.data(), buffer.size());
  } else {
    inet_ntop(AF_INET6, bytes.data(), buffer.data(), buffer.size());
  }
  return buffer.data();
}

}  // namespace ringcast
