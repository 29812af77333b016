// Where to listen, as it stands in the configuration and on the command line:
//
//   127.0.0.1:8080   [::1]:8080   localhost:8080
//   unix:/run/ringcast/ringcast.sock   unix:@ringcast
//   0.0.0.0:8081,proxy   unix:/run/ringcast/ringcast.sock,mode=0600
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast {

struct ListenAddress {
  static constexpr uint32_t kDefaultMode = 0660;

  std::string host = "127.0.0.1";  // IPv4, IPv6 without brackets, or a Unix socket: `unix:…`
  uint16_t port = 8080;            // 0 = any free port; none on a Unix socket
  bool proxy_protocol = false;     // connections begin with a PROXY header
  uint32_t mode = kDefaultMode;    // of a Unix socket's file

  bool is_unix() const { return host.starts_with("unix:"); }
  // Only programs of this machine get there.
  bool local() const;
  std::string address_text() const;  // as parse_address and parse_unix_address take it
  std::string text() const;          // as parse_listen takes it, options included

  bool operator==(const ListenAddress&) const = default;
};

// An address without options; nothing if it is none.
std::optional<ListenAddress> parse_listen(std::string_view text);
// `proxy`, `mode=0660`. False if it is neither, or not for this address.
bool set_listen_option(ListenAddress& address, std::string_view option);

}  // namespace ringcast
