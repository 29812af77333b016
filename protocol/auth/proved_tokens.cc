#include "protocol/auth/proved_tokens.h"

#include <utility>

namespace ringcast {

std::optional<ProvedTokens::Proved> ProvedTokens::find(const Sha256& hash, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  const auto found = tokens_.find(hash);
  if (found == tokens_.end() || found->second.who.expires_ms <= now_ms) return {};
  return found->second;
}

void ProvedTokens::add(const Sha256& hash, Proved one, std::int64_t now_ms) {
  const std::lock_guard lock(mutex_);
  make_room(tokens_, kMost, now_ms, [](const Proved& old) { return old.who.expires_ms; });
  tokens_.insert_or_assign(hash, std::move(one));
}

}  // namespace ringcast
