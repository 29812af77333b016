// Who sent a request that came through proxies: X-Forwarded-For, or Forwarded (RFC 7239).
//
// Each proxy adds at the right whom it was asked by, so only what trusted proxies added counts:
// read from the right, the client is the first who is not a trusted proxy itself; what stands
// further left, the client could have written. Which of the two headers counts is configured,
// because a proxy that writes one of them passes the other one on as the client sent it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "net/address_range.h"
#include "net/client_address.h"
#include "net/http_head.h"

namespace ringcast {

enum class ForwardedHeader : std::uint8_t { x_forwarded_for, forwarded, off };

// Whom to believe what. Whoever connects over a Unix socket is trusted by its file's permissions.
struct Forwarding {
  Forwarding();  // proxies on this machine

  std::vector<AddressRange> trusted;
  ForwardedHeader header = ForwardedHeader::x_forwarded_for;

  bool trusts(const ClientAddress& peer) const;
};

// What the proxies say of a request; the texts lie in its head.
struct ForwardedRequest {
  ClientAddress client;
  std::string_view proto;   // `https`; empty: not told
  std::string_view host;    // with port, if it has one; empty: not told
  bool unreadable = false;  // a trusted proxy wrote what cannot be used: `client` is the proxy
};

// The client alone: proto and host stay empty where they have headers of their own.
ForwardedRequest forwarded_client(const RequestHead& head, const ClientAddress& peer,
                                  const Forwarding& forwarding);
// X-Forwarded-Proto or X-Forwarded-Host as the nearest proxy wrote it; empty if it did not, or not
// so that it can be used.
std::string_view forwarded_value(const RequestHead& head, std::string_view name);

}  // namespace ringcast
