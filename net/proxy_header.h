// The PROXY protocol: what a proxy writes at the start of a connection, to say whose it is.
//
// Versions 1 (a line of text) and 2 (binary), as haproxy.org/download/3.0/doc/proxy-protocol.txt
// defines them. Nothing of a connection means anything before the whole header is there, and a
// connection whose header is wrong is closed: what follows could be anybody's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/client_address.h"

namespace ringcast {

enum class ProxyRefusal : std::uint8_t {
  untrusted,    // the peer is no trusted proxy
  timeout,      // the header did not come in time
  cut_off,      // the connection ended within it
  malformed,    // not a header
  unsupported,  // a version or a command there is not
  too_long,
  checksum,
  count
};
std::string_view proxy_refusal_name(ProxyRefusal reason);

struct ProxyHeader {
  // Whose connection it is. Neither: the proxy's own (a health check), or of a kind that has no
  // address we know; then the address of the socket counts.
  bool has_source = false;
  ClientAddress source;
  bool tls = false;  // the client speaks TLS with the proxy
};

class ProxyHeaderReader {
 public:
  // Of version 1, line end included; the protocol's own bound.
  static constexpr std::size_t kMostLineBytes = 107;
  // Of version 2; the protocol allows 64 KiB, proxies write a few hundred bytes.
  static constexpr std::size_t kMostBytes = 4096;

  enum class State : std::uint8_t { needs_more, complete, failed };

  // `bytes`: all that came in so far; give the same ones again with more behind them.
  State read(std::string_view bytes);

  std::size_t consumed() const { return consumed_; }  // once complete
  const ProxyHeader& header() const { return header_; }
  ProxyRefusal refusal() const { return refusal_; }  // once failed

 private:
  State refuse(ProxyRefusal reason);
  State read_line(std::string_view bytes);
  State read_binary(std::string_view bytes);
  bool read_addresses(std::string_view line);
  bool read_fields(std::string_view header, std::size_t begin, bool certain);

  std::size_t consumed_ = 0;
  ProxyHeader header_;
  ProxyRefusal refusal_ = ProxyRefusal::malformed;
};

// CRC32c (RFC 9260 Appendix A) of `bytes`, where the four at `skipped` count as zero.
std::uint32_t crc32c_without(std::string_view bytes, std::size_t skipped);

}  // namespace ringcast
