#include "protocol/credential.h"

#include <algorithm>
#include <optional>

#include "net/url.h"

namespace ringcast {
namespace {

bool same_word(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, {}, [](char c) { return static_cast<char>(c | 0x20); });
}

// The value of a cookie (RFC 6265 §4.2.1).
std::string_view cookie_of(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    const std::size_t end = std::min(field.find(';'), field.size());
    std::string_view pair = field.substr(0, end);
    field.remove_prefix(std::min(end + 1, field.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (!pair.starts_with(name) || pair.size() <= name.size() || pair[name.size()] != '=') continue;
    pair.remove_prefix(name.size() + 1);
    if (pair.size() >= 2 && pair.starts_with('"') && pair.ends_with('"')) {
      pair = pair.substr(1, pair.size() - 2);
    }
    return pair;
  }
  return {};
}

}  // namespace

Credential credential_of(const RequestHead& head, std::string_view cookie, std::string& room) {
  using Kind = Credential::Kind;
  constexpr std::string_view kBearer = "bearer ";
  if (const auto field = head.find("Authorization"); field && field->size() > kBearer.size()) {
    if (same_word(field->substr(0, kBearer.size()), kBearer)) {
      return {Kind::token, field->substr(kBearer.size())};
    }
  }
  if (const auto field = head.find("X-API-Key"); field && !field->empty()) {
    return {Kind::key, *field};
  }
  if (const auto field = head.find("Cookie"); field && !cookie.empty()) {
    const std::string_view value = cookie_of(*field, cookie);
    if (!value.empty()) return {Kind::token, value};
  }
  if (auto token = query_value(head.query, "token"); token && !token->empty()) {
    room = std::move(*token);
    return {Kind::token, room};
  }
  return {};
}

}  // namespace ringcast
