#include "protocol/listen_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "net/address.h"

namespace ringcast {
namespace {

constexpr std::string_view kMode = "mode=";

template <class T>
std::optional<T> parse_digits(std::string_view text, int base = 10) {
  T value{};
  const auto [stop, error] = std::from_chars(text.begin(), text.end(), value, base);
  if (text.empty() || error != std::errc{} || stop != text.end()) return std::nullopt;
  return value;
}

std::optional<ListenAddress> parse_unix(std::string_view text) {
  // A comma begins an option, and what does not print is nobody's intention.
  const bool plain = std::ranges::none_of(
      text, [](unsigned char c) { return c <= 0x20 || c == 0x7f || c == ','; });
  if (!plain || !parse_unix_address(text)) return std::nullopt;
  return ListenAddress{.host = std::string(text), .port = 0};
}

}  // namespace

bool ListenAddress::local() const {
  return is_unix() || host.starts_with("127.") || host == "::1" || host.starts_with("::ffff:127.");
}

std::string ListenAddress::address_text() const {
  if (is_unix()) return host;
  const bool v6 = host.contains(':');
  return v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::string ListenAddress::text() const {
  std::string result = address_text();
  if (proxy_protocol) result += ",proxy";
  if (mode != kDefaultMode) result += fmt::format(",{}{:04o}", kMode, mode);
  return result;
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text);
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = parse_digits<uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  std::array<unsigned char, sizeof(in6_addr)> address{};
  ListenAddress result{.host = std::string(host == "localhost" ? "127.0.0.1" : host)};
  if (!port ||
      inet_pton(bracketed ? AF_INET6 : AF_INET, result.host.c_str(), address.data()) != 1) {
    return std::nullopt;
  }
  result.port = *port;
  return result;
}

bool set_listen_option(ListenAddress& address, std::string_view option) {
  if (option == "proxy") {
    address.proxy_protocol = true;
    return true;
  }
  if (!option.starts_with(kMode)) return false;
  const std::string_view digits = option.substr(kMode.size());
  const auto mode = parse_digits<uint32_t>(digits, 8);
  const bool file = address.is_unix() && !address.host.starts_with("unix:@");
  if (!file || !mode || *mode > 0777 || digits.size() < 3) return false;
  address.mode = *mode;
  return true;
}

}  // namespace ringcast
