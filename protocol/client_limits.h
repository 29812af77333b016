// What a client may take: requests a minute, and streams at once.
//
// A request of somebody who showed a key or a token counts for that key, one that brings nothing
// for the client's address (of IPv6 its first 64 bits). One whose key or token is not right counts
// for the address too, but beside those: whoever guesses has no more signatures checked after a
// while, and still takes nothing from others at his address. All are answered 429 when it is too
// much, with Retry-After and the fields of draft-ietf-httpapi-ratelimit-headers. Clients in
// `limits.exempt` have no limit as clients.
//
// One for a core; what it counts in (SharedLimits) is shared by all.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/client_places.h"
#include "core/counter.h"
#include "net/address_range.h"
#include "net/http_exchange.h"
#include "protocol/auth/principal.h"
#include "protocol/config.h"
#include "protocol/rate_limiter.h"

namespace ringcast {

struct SharedLimits {
  explicit SharedLimits(const Config& config) : rates(config.limits.rate_buckets) {}

  RateLimiter rates;
  ClientPlaces connections;
  ClientPlaces streams;
  ClientPlaces sessions;  // of MCP
};

class ClientLimits {
 public:
  ClientLimits(SharedLimits& shared, const Config& config) : shared_(shared) { configure(config); }
  void configure(const Config& config);

  bool exempt(const ClientAddress& client) const;
  const std::vector<AddressRange>& exempt_ranges() const { return exempt_; }

  // Whether a client may still ask; does not count.
  bool may_ask(const ClientAddress& client, std::int64_t now_ns) const;
  // Whether it may still bring what might be wrong; does not count.
  bool may_fail(const ClientAddress& client, std::int64_t now_ns) const;
  // Counts a request: true if it was refused. `who` is null if nobody was shown.
  bool refuse_request(HttpExchange& exchange, const Principal* who, std::int64_t now_ns);
  // Counts a message on a channel that is open: after how many ms it may come again; 0: now.
  std::uint64_t take_message(const ClientAddress& client, const Principal& who,
                             std::int64_t now_ns);
  // Takes a place for a session of MCP; false: the client has `most`.
  bool take_session(const ClientAddress& client, std::uint32_t most, ClientPlaces::Place& place);
  // Counts a request that brought what is not right, or was not checked: true if it was refused.
  bool refuse_failure(HttpExchange& exchange, std::int64_t now_ns);
  // Takes a place for a stream: true if it was refused. Exempt clients get an empty place.
  bool refuse_stream(HttpExchange& exchange, ClientPlaces::Place& place);

  struct Counters {
    Counter requests, messages, streams;  // refused
  } counters;

 private:
  // What is counted, as RateLimit-Policy and the answer name it.
  struct Policy {
    std::string_view name;
    std::string_view counted;
  };
  struct Counted {
    std::uint64_t key;
    Rate rate;
    Policy policy;
  };
  std::uint64_t key_of(std::string_view kind, const ClientAddress& client) const;
  // What somebody's requests count for; nothing if they do not count.
  std::optional<Counted> counted(const ClientAddress& client, const Principal* who) const;
  bool refuse(HttpExchange& exchange, std::uint64_t key, const Rate& rate, const Policy& policy,
              std::int64_t now_ns);

  SharedLimits& shared_;
  std::vector<AddressRange> exempt_;
  Rate of_client_;
  Rate of_key_;
  Rate of_failures_;
  std::uint32_t most_streams_ = 0;
};

}  // namespace ringcast
