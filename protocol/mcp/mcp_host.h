// What the server around an MCP endpoint decides for it. Where there is none, as in a program that
// is nothing but an MCP server, everybody may do everything. One core only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/client_places.h"
#include "net/client_address.h"
#include "protocol/auth/standing.h"

namespace ringcast {

class HttpExchange;

class McpHost {
 public:
  virtual ~McpHost() = default;

  // Where what is open under somebody's name is looked at again.
  virtual Standings& standings() = 0;
  // What WWW-Authenticate says to a client without the scope that a request would need; without a
  // scope, to one whose token does not hold any more.
  virtual std::string challenge(const HttpExchange& exchange, std::string_view scope) = 0;
  // Takes a place for a stream of the request's client: true if it was refused.
  virtual bool refuse_stream(HttpExchange& exchange, ClientPlaces::Place& place) = 0;
  // The same for a session, of which a client may have so many. The request is not refused yet.
  virtual bool too_many_sessions(const HttpExchange& exchange, std::uint32_t most,
                                 ClientPlaces::Place& place) = 0;
  // Counts a message on a channel that is open: after how many ms it may come again; 0: now.
  virtual std::uint64_t wait_for_message_ms(const ClientAddress& client, const Principal& who) = 0;
};

}  // namespace ringcast
