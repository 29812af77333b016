#include "protocol/access.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <string>

#include "net/url.h"

namespace ringcast {
namespace {

constexpr HttpError kNoToken{401, "unauthorized",
                             "Bring a token: Authorization: Bearer TOKEN, or ?token=TOKEN."};
constexpr HttpError kWrongToken{403, "forbidden", "This token does not allow that."};
constexpr HttpError kNotLocal{403, "forbidden",
                              "Without auth.admin_tokens, only clients on loopback administer."};

std::string token_of(const RequestHead& head) {
  constexpr std::string_view kBearer = "bearer ";
  if (const auto field = head.find("Authorization"); field && field->size() > kBearer.size()) {
    const bool bearer = std::ranges::equal(field->substr(0, kBearer.size()), kBearer, {},
                                           [](char c) { return static_cast<char>(c | 0x20); });
    if (bearer) return std::string(field->substr(kBearer.size()));
  }
  return query_value(head.query, "token").value_or("");
}

// In the same time whichever character is wrong.
bool same(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

}  // namespace

std::optional<HttpError> refuse_access(const HttpExchange& exchange, const Config& config,
                                       Permission permission) {
  const bool admin = permission == Permission::admin;
  const std::vector<std::string>& tokens = admin ? config.auth.admin_tokens : config.auth.tokens;
  if (tokens.empty()) {
    if (admin && !is_loopback(exchange.peer())) return kNotLocal;
    return {};
  }
  const std::string token = token_of(exchange.head());
  if (token.empty()) return kNoToken;
  const auto matches = [&token](const std::string& known) { return same(known, token); };
  if (std::ranges::any_of(tokens, matches)) return {};
  // Whoever administers may do everything else too.
  if (!admin && std::ranges::any_of(config.auth.admin_tokens, matches)) return {};
  return kWrongToken;
}

}  // namespace ringcast
