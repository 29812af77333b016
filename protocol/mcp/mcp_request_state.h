// The request state of 2026-07-28: what a stateless server gives the client to bring back with its
// answers. To us it is a stranger's input, so it carries a MAC (HMAC-SHA256) over everything in it:
// which request of whom it belongs to, and until when it is good.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast {

struct McpRequestState {
  std::string request;   // what identifies the request: method, name, arguments, principal
  std::string answered;  // members of a JSON object: the answers of earlier rounds
  std::string kept;      // the handler's own
};

using McpKey = std::array<unsigned char, 32>;

// As text for `requestState`: letters, digits, `-`, `_` and a dot.
std::string seal(const McpRequestState& state, const McpKey& key, std::int64_t expires_ms);

// Nothing if it was tampered with, is too old, or belongs to another request.
std::optional<McpRequestState> unseal(std::string_view sealed, std::string_view request,
                                      const McpKey& key, std::int64_t now_ms);

}  // namespace ringcast
