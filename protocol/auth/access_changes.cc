#include "protocol/auth/access_changes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <span>
#include <string_view>

namespace ringcast {
namespace {

constexpr std::size_t kMostListed = 20;

std::map<std::string_view, const ApiKey*> by_name(const AccessPolicy& policy) {
  std::map<std::string_view, const ApiKey*> keys;
  for (const ApiKey& key : policy.keys) keys.emplace(key.name, &key);
  return keys;
}

}  // namespace

AccessChanges compare_access(const Access* before, const Access* after) {
  static const Access kNone;
  const Access& old = before != nullptr ? *before : kNone;
  const Access& fresh = after != nullptr ? *after : kNone;
  AccessChanges changes;
  const auto old_keys = by_name(old.policy);
  const auto fresh_keys = by_name(fresh.policy);
  for (const auto& [name, key] : fresh_keys) {
    const auto known = old_keys.find(name);
    if (known == old_keys.end()) {
      changes.added.emplace_back(name);
    } else if (*known->second != *key) {
      changes.changed.emplace_back(name);
    }
  }
  for (const auto& [name, key] : old_keys) {
    if (!fresh_keys.contains(name)) changes.removed.emplace_back(name);
  }
  if (old.policy.anonymous != fresh.policy.anonymous) changes.other.emplace_back("anonymous");
  if (old.policy.jwt != fresh.policy.jwt) changes.other.emplace_back("jwt");
  if (old.key_set != fresh.key_set) changes.other.emplace_back("key_set");
  if (old.policy.cookie != fresh.policy.cookie) changes.other.emplace_back("cookie");
  return changes;
}

std::string listed(const std::vector<std::string>& names) {
  const std::span first(names.data(), std::min(names.size(), kMostListed));
  std::string text = fmt::format("{}", fmt::join(first, ","));
  if (names.size() > first.size()) text += fmt::format(" and {} more", names.size() - first.size());
  return text;
}

}  // namespace ringcast
