#include "net/websocket_client_handshake.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <array>

#include "core/check.h"
#include "net/http_chars.h"
#include "net/websocket_handshake.h"

namespace ringcast {
namespace {

bool has_member(const ClientResponse& response, std::string_view name, std::string_view wanted) {
  for (const ClientHeader& header : response.headers) {
    if (!chars::iequals(header.name, name)) continue;
    std::string_view list = header.value;
    for (std::string_view member; chars::next_member(list, member);) {
      if (chars::iequals(member, wanted)) return true;
    }
  }
  return false;
}

std::size_t count(const ClientResponse& response, std::string_view name) {
  std::size_t found = 0;
  for (const ClientHeader& header : response.headers) found += chars::iequals(header.name, name);
  return found;
}

}  // namespace

std::string random_websocket_key() {
  std::array<unsigned char, 16> bytes;
  RINGCAST_CHECK(::getrandom(bytes.data(), bytes.size(), 0) == bytes.size());
  std::array<unsigned char, (bytes.size() + 2) / 3 * 4 + 1> base64;
  const int length = EVP_EncodeBlock(base64.data(), bytes.data(), bytes.size());
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length)};
}

std::vector<ClientHeader> upgrade_headers(std::string_view key, bool compress) {
  std::vector<ClientHeader> headers = {{"Upgrade", "websocket"},
                                       {"Connection", "Upgrade"},
                                       {"Sec-WebSocket-Key", std::string(key)},
                                       {"Sec-WebSocket-Version", "13"}};
  if (compress) {
    headers.push_back({"Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits"});
  }
  return headers;
}

Result<std::optional<DeflateParameters>> read_upgrade_answer(const ClientResponse& response,
                                                             std::string_view key, bool compress) {
  const auto bad = [](std::string_view what) {
    return fail("bad_upgrade", fmt::format("The server's answer to the handshake {}.", what));
  };
  if (response.status != 101) return bad("does not switch protocols");
  if (!chars::iequals(response.find("Upgrade"), "websocket") || count(response, "Upgrade") != 1) {
    return bad("does not switch to WebSocket");
  }
  if (!has_member(response, "Connection", "upgrade")) return bad("lacks `Connection: Upgrade`");
  if (response.find("Sec-WebSocket-Accept") != accept_for_key(key) ||
      count(response, "Sec-WebSocket-Accept") != 1) {
    return bad("has a wrong Sec-WebSocket-Accept");
  }
  if (count(response, "Sec-WebSocket-Protocol") != 0) return bad("chooses a subprotocol");
  std::optional<DeflateParameters> agreed;
  if (const std::size_t answers = count(response, "Sec-WebSocket-Extensions"); answers != 0) {
    if (compress && answers == 1) {
      agreed = read_deflate_answer(response.find("Sec-WebSocket-Extensions"));
    }
    if (!agreed) return bad("chooses extensions that were not offered");
  }
  return agreed;
}

}  // namespace ringcast
