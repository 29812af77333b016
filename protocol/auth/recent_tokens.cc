#include "protocol/auth/recent_tokens.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace ringcast {

std::size_t RecentTokens::index(std::string_view token) {
  constexpr std::size_t kEndBytes = 16;
  token.remove_prefix(token.size() - std::min(token.size(), kEndBytes));
  return std::hash<std::string_view>{}(token) % kPlaces;
}

PrincipalPtr RecentTokens::find(std::string_view token, std::int64_t now_ms) const {
  const Place& place = places_[index(token)];
  if (place.who == nullptr || place.token.size() != token.size()) return nullptr;
  const std::size_t open = place.token.rfind('.') + 1;
  if (std::memcmp(place.token.data(), token.data(), open) != 0) return nullptr;
  if (CRYPTO_memcmp(place.token.data() + open, token.data() + open, token.size() - open) != 0) {
    return nullptr;
  }
  return place.who->expires_ms > now_ms ? place.who : nullptr;
}

void RecentTokens::add(std::string_view token, PrincipalPtr who) {
  if (token.size() > kMostBytes) return;
  Place& place = places_[index(token)];
  place.token = token;
  place.who = std::move(who);
}

void RecentTokens::clear() { places_.fill({}); }

}  // namespace ringcast
