#include "net/websocket_handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>

#include "core/check.h"
#include "net/http_chars.h"
#include "net/websocket_extensions.h"

namespace ringcast {
namespace {

constexpr std::string_view kKeyHeader = "sec-websocket-key";
constexpr std::string_view kVersionHeader = "sec-websocket-version";
constexpr std::string_view kProtocolHeader = "sec-websocket-protocol";
constexpr std::string_view kExtensionsHeader = "sec-websocket-extensions";
constexpr std::string_view kVersion = "13";
constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
// 16 bytes in base64: 22 digits and two signs of padding.
constexpr std::size_t kKeyDigits = 22;
constexpr std::size_t kKeyLength = 24;

constexpr HttpError kNotGet{405, "method_not_allowed", "A WebSocket is opened with GET."};
constexpr HttpError kNoUpgrade{426, "upgrade_required",
                               "This address speaks WebSocket: ask with Upgrade: websocket."};
constexpr HttpError kOtherVersion{426, "unsupported_version", "Sec-WebSocket-Version must be 13."};
constexpr HttpError kNoConnection{400, "bad_upgrade", "Connection must name upgrade."};
constexpr HttpError kBadKey{400, "bad_upgrade",
                            "Sec-WebSocket-Key must be there once, 16 bytes in base64."};
constexpr HttpError kTwoVersions{400, "bad_upgrade", "Sec-WebSocket-Version must be there once."};
constexpr HttpError kBadProtocols{400, "bad_upgrade",
                                  "Sec-WebSocket-Protocol must be a list of tokens."};
constexpr HttpError kBadExtensions{400, "bad_upgrade", "Sec-WebSocket-Extensions is malformed."};
constexpr HttpError kBody{400, "bad_upgrade", "A request for an upgrade has no body."};

bool is_base64(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
         c == '/';
}

// The bits that the last digit has too many may be anything, as in the example of RFC 6455 §4.1.
bool is_key(std::string_view text) {
  return text.size() == kKeyLength && text.ends_with("==") &&
         std::ranges::all_of(text.substr(0, kKeyDigits), is_base64);
}

// Calls visit(value) for each field of that name until it returns false.
template <class Visit>
bool all_fields(const RequestHead& head, std::string_view name, Visit&& visit) {
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const HeaderField field = head.field(i);
    if (chars::iequals(field.name, name) && !visit(field.value)) return false;
  }
  return true;
}

// Calls visit(name) for each subprotocol until it returns false.
template <class Visit>
bool all_subprotocols(const RequestHead& head, Visit&& visit) {
  return all_fields(head, kProtocolHeader, [&visit](std::string_view list) {
    for (std::string_view member; chars::next_member(list, member);) {
      if (!visit(member)) return false;
    }
    return true;
  });
}

bool is_extension_list(std::string_view list) {
  WsExtensionReader reader(list);
  for (WsExtension extension; reader.next(extension);) {
  }
  return !reader.failed();
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  RINGCAST_CHECK(chars::is_token(name) && chars::all(value, chars::kFieldText));
  out.append(name).append(": ").append(value).append("\r\n");
}

}  // namespace

bool WsUpgrade::offers_subprotocol(std::string_view name) const {
  return !all_subprotocols(*head, [name](std::string_view offered) { return offered != name; });
}

std::string_view WsUpgrade::choose_subprotocol(std::span<const std::string_view> ours) const {
  std::string_view chosen;
  all_subprotocols(*head, [&](std::string_view offered) {
    const auto found = std::ranges::find(ours, offered);
    if (found == ours.end()) return true;
    chosen = *found;
    return false;
  });
  return chosen;
}

bool wants_upgrade(const RequestHead& head) { return head.has_token("upgrade", "websocket"); }

HttpResult<WsUpgrade> read_upgrade(const RequestHead& head) {
  const auto refuse = [](const HttpError& error) { return std::unexpected(error); };
  if (head.method != Method::get) return refuse(kNotGet);
  if (head.version_minor == 0 || !wants_upgrade(head)) return refuse(kNoUpgrade);
  if (!head.has_token("connection", "upgrade")) return refuse(kNoConnection);
  if (head.count(kVersionHeader) > 1) return refuse(kTwoVersions);
  if (head.find(kVersionHeader) != kVersion) return refuse(kOtherVersion);
  const std::string_view key = head.find(kKeyHeader).value_or(std::string_view{});
  if (head.count(kKeyHeader) != 1 || !is_key(key)) return refuse(kBadKey);
  if (!all_subprotocols(head, chars::is_token)) return refuse(kBadProtocols);
  if (!all_fields(head, kExtensionsHeader, is_extension_list)) return refuse(kBadExtensions);
  if (head.has_body()) return refuse(kBody);
  return WsUpgrade{.head = &head, .key = key};
}

void refuse_upgrade(HttpExchange& exchange, const HttpError& error) {
  if (error.status == 405) {
    exchange.refuse(error.status, error.code, error.message, {{"Allow", "GET"}});
  } else if (error.status == 426) {
    exchange.refuse(error.status, error.code, error.message,
                    {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", kVersion}});
  } else {
    exchange.refuse(error);
  }
}

std::string accept_for_key(std::string_view key) {
  std::string text(key);
  text += kGuid;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, (SHA_DIGEST_LENGTH + 2) / 3 * 4 + 1> base64;
  const int length = EVP_EncodeBlock(base64.data(), digest.data(), SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(length)};
}

std::string upgrade_response(const WsUpgrade& upgrade, std::string_view subprotocol,
                             const std::optional<DeflateParameters>& deflate,
                             std::span<const ResponseHeader> headers) {
  std::string out = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n";
  append_header(out, "Connection", "Upgrade");
  append_header(out, "Sec-WebSocket-Accept", accept_for_key(upgrade.key));
  if (!subprotocol.empty()) {
    RINGCAST_CHECK(upgrade.offers_subprotocol(subprotocol));
    append_header(out, "Sec-WebSocket-Protocol", subprotocol);
  }
  if (deflate) append_header(out, "Sec-WebSocket-Extensions", extension_header(*deflate));
  for (const ResponseHeader& header : headers) append_header(out, header.name, header.value);
  return out += "\r\n";
}

}  // namespace ringcast
