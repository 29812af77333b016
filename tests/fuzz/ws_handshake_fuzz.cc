// Opening handshakes: what is taken has all that the standard asks for, by a plain second reading,
// and the answer is one that a strict client takes.
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "net/http_chars.h"
#include "net/websocket_extensions.h"
#include "net/websocket_handshake.h"

namespace ringcast {
namespace {

std::string lowered(std::string_view text) {
  std::string out;
  for (const char c : text) out += chars::lower(c);
  return out;
}

// The values of a field in one string, as RFC 9110 §5.3 joins them.
std::string joined(const RequestHead& head, std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    if (lowered(head.field(i).name) == name) out.append(",").append(head.field(i).value);
  }
  return out;
}

bool lists(const std::string& list, std::string_view token) {
  std::size_t at = 0;
  while (at <= list.size()) {
    std::size_t end = list.find(',', at);
    if (end == std::string::npos) end = list.size();
    std::size_t from = at;
    std::size_t to = end;
    while (from < to && (list[from] == ' ' || list[from] == '\t')) ++from;
    while (to > from && (list[to - 1] == ' ' || list[to - 1] == '\t')) --to;
    if (lowered(list.substr(from, to - from)) == token) return true;
    at = end + 1;
  }
  return false;
}

bool is_16_bytes(std::string_view key) {
  if (key.size() != 24) return false;
  unsigned char out[24];
  const std::string text(key);
  const int length = EVP_DecodeBlock(out, reinterpret_cast<const unsigned char*>(text.data()), 24);
  // It counts the padding as zeros: two signs of it, and none elsewhere.
  return length == 18 && key.find('=') == 22 && key[23] == '=';
}

bool plainly_good(const RequestHead& head) {
  WsExtensionReader extensions(head.count("sec-websocket-extensions") == 0
                                   ? std::string_view{}
                                   : head.find("sec-websocket-extensions").value_or(""));
  for (WsExtension extension; extensions.next(extension);) {
  }
  return head.method_text == "GET" && head.version_minor == 1 &&
         lists(joined(head, "upgrade"), "websocket") &&
         lists(joined(head, "connection"), "upgrade") &&
         joined(head, "sec-websocket-version") == ",13" && head.count("sec-websocket-key") == 1 &&
         is_16_bytes(joined(head, "sec-websocket-key").substr(1)) && !extensions.failed() &&
         !head.chunked && head.content_length.value_or(0) == 0;
}

void check_response(const std::string& text, const WsUpgrade& upgrade) {
  RINGCAST_CHECK(text.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  RINGCAST_CHECK(text.find("\r\n\r\n") == text.size() - 4);
  RINGCAST_CHECK(text.find("\r\nSec-WebSocket-Accept: " + accept_for_key(upgrade.key) + "\r\n") !=
                 std::string::npos);
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos; ++at) {
    RINGCAST_CHECK(text[at - 1] == '\r');
  }
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  const std::string text(reinterpret_cast<const char*>(data), size);
  RequestHead head;
  if (size > RequestHead::kBytesMax || parse_head(text, head)) return 0;
  const auto upgrade = read_upgrade(head);
  if (!upgrade) {
    const int status = upgrade.error().status;
    RINGCAST_CHECK(status == 400 || status == 405 || status == 426);
    RINGCAST_CHECK(head.count("sec-websocket-protocol") > 0 ||
                   head.count("sec-websocket-extensions") > 1 || !plainly_good(head));
    return 0;
  }
  RINGCAST_CHECK(plainly_good(head) && wants_upgrade(head));
  const std::string_view ours[] = {"chat", "superchat", "mqtt"};
  const std::string_view protocol = upgrade->choose_subprotocol(ours);
  RINGCAST_CHECK(protocol.empty() || upgrade->offers_subprotocol(protocol));
  check_response(upgrade_response(*upgrade, protocol, negotiate_deflate(head, {})), *upgrade);
  return 0;
}
