#include "protocol/mcp/mcp_request_state.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <charconv>
#include <vector>

namespace ringcast {
namespace {

constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kDigestBytes = 32;
constexpr std::size_t kMostBytes = 64 << 10;

using Bytes = std::string;

Bytes digest_of(std::string_view text) {
  Bytes out(kDigestBytes, '\0');
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
             EVP_sha256(), nullptr);
  return out;
}

Bytes mac_of(std::string_view text, const McpKey& key) {
  Bytes out(kMacBytes, '\0');
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

// base64url without padding (RFC 4648 §5).
std::string encode(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return out;
}

std::optional<Bytes> decode(std::string_view text) {
  std::string padded(text);
  for (char& c : padded) {
    if (c == '+' || c == '/' || c == '=') return std::nullopt;  // one spelling only
    if (c == '-') c = '+';
    if (c == '_') c = '/';
  }
  const std::size_t padding = (4 - padded.size() % 4) % 4;
  if (padding == 3) return std::nullopt;
  padded.append(padding, '=');
  Bytes out(padded.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(padded.data()),
                                   static_cast<int>(padded.size()));
  if (size < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(size) - padding);
  if (encode(out) != text) return std::nullopt;  // bits behind the end
  return out;
}

// EXPIRES:BYTES of the answers:digest, answers, kept
Bytes payload(const McpRequestState& state, std::int64_t expires_ms) {
  return std::to_string(expires_ms) + ":" + std::to_string(state.answered.size()) + ":" +
         digest_of(state.request) + state.answered + state.kept;
}

std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end == text.data() + text.size() || *end != ':' || value < 0) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

}  // namespace

std::string seal(const McpRequestState& state, const McpKey& key, std::int64_t expires_ms) {
  const Bytes bytes = payload(state, expires_ms);
  return encode(bytes) + "." + encode(mac_of(bytes, key));
}

std::optional<McpRequestState> unseal(std::string_view sealed, std::string_view request,
                                      const McpKey& key, std::int64_t now_ms) {
  const std::size_t dot = sealed.find('.');
  if (dot == std::string_view::npos || sealed.size() > kMostBytes) return std::nullopt;
  const auto bytes = decode(sealed.substr(0, dot));
  const auto mac = decode(sealed.substr(dot + 1));
  if (!bytes || !mac || mac->size() != kMacBytes) return std::nullopt;
  // Whoever could tell from the time where they differ could find a MAC.
  if (CRYPTO_memcmp(mac->data(), mac_of(*bytes, key).data(), kMacBytes) != 0) return std::nullopt;
  std::string_view rest = *bytes;
  const auto expires_ms = take_number(rest);
  const auto answered = expires_ms ? take_number(rest) : std::nullopt;
  if (!answered || rest.size() < kDigestBytes + static_cast<std::size_t>(*answered)) {
    return std::nullopt;
  }
  if (now_ms > *expires_ms || rest.substr(0, kDigestBytes) != digest_of(request)) {
    return std::nullopt;
  }
  rest.remove_prefix(kDigestBytes);
  const auto size = static_cast<std::size_t>(*answered);
  return McpRequestState{.request = std::string(request),
                         .answered = std::string(rest.substr(0, size)),
                         .kept = std::string(rest.substr(size))};
}

}  // namespace ringcast
