#include "protocol/auth/authenticator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <span>
#include <utility>

namespace ringcast {
namespace {

Grants all_but_admin() {
  Grants grants;
  for (std::size_t i = 0; i < kActionNames.size(); ++i) grants.add(static_cast<Action>(i), "*");
  return grants;
}

}  // namespace

void Authenticator::configure(const Config::Auth& config, std::shared_ptr<const Access> access) {
  ++generation_;
  access_ = std::move(access);
  keys_.clear();
  verifier_.reset();
  anonymous_.reset();
  cookie_.clear();
  required_ = access_ != nullptr || !config.tokens.empty();
  admins_are_named_ = required_ || !config.admin_tokens.empty();
  for (const std::string& token : config.tokens) {
    // They are different people: none may take over another's session.
    const Sha256 hash = sha256(token);
    add_key(hash, {.name = fmt::format("token:{:02x}", fmt::join(std::span(hash.data(), 4), "")),
                   .grants = all_but_admin()});
  }
  for (const std::string& token : config.admin_tokens) {
    add_key(sha256(token), {.name = "admin token", .grants = Grants::everything()});
  }
  if (access_ != nullptr) configure_access();
  // What was proved by other rules, or by a key that is gone, is to be proved anew.
  for (auto& [hash, who] : kept_) who = verifier_ ? renew(who) : nullptr;
  std::erase_if(kept_, [](const auto& one) { return one.second == nullptr; });
  recent_.clear();
}

void Authenticator::configure_access() {
  const AccessPolicy& policy = access_->policy;
  cookie_ = policy.cookie;
  if (policy.anonymous) {
    anonymous_ = std::make_shared<const Principal>(Principal{
        .name = "anonymous", .grants = *policy.anonymous, .nameless = true, .proved = false});
  }
  for (const ApiKey& key : policy.keys) {
    add_key(key.hash, {.name = "key:" + key.name,
                       .grants = key.grants,
                       .requests_per_minute = key.requests_per_minute});
  }
  if (!policy.jwt || access_->key_set.empty()) return;
  // A key set that is none was refused when it was read.
  if (auto made = JwtVerifier::create(*policy.jwt, access_->key_set)) verifier_ = std::move(*made);
}

void Authenticator::add_key(const Sha256& hash, Principal principal) {
  principal.key = hash;
  principal.generation = generation_;
  keys_.emplace_back(hash, std::make_shared<const Principal>(std::move(principal)));
}

PrincipalPtr Authenticator::renew(const PrincipalPtr& who) const {
  // Another core may have been told of the latest before us.
  if (who->generation >= generation_) return who;
  if (who->token == nullptr) {
    const PrincipalPtr* const found = find_key(who->key);
    return found != nullptr && (*found)->name == who->name ? *found : nullptr;
  }
  if (access_ == nullptr || !access_->policy.jwt) return nullptr;
  if (!verifier_) return who;
  auto renewed = verifier_->renew(*who);
  if (!renewed) return nullptr;
  renewed->generation = generation_;
  return std::make_shared<const Principal>(std::move(*renewed));
}

// All are looked at, so that the time tells nothing.
const PrincipalPtr* Authenticator::find_key(const Sha256& hash) const {
  const PrincipalPtr* found = nullptr;
  for (const auto& [known, principal] : keys_) {
    if (CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0) found = &principal;
  }
  return found;
}

Result<PrincipalPtr> Authenticator::identify_key(std::string_view key) {
  if (const PrincipalPtr* const found = find_key(sha256(key))) return *found;
  return fail("unknown_key", "This key is not known here.");
}

Result<PrincipalPtr> Authenticator::identify(std::string_view credential, std::int64_t now_ms,
                                             bool may_verify) {
  if (credential.size() > kMostTokenBytes) return fail("bad_token", "The token is too long.");
  if (PrincipalPtr recent = recent_.find(credential, now_ms)) return recent;
  const Sha256 hash = sha256(credential);
  if (const PrincipalPtr* const found = find_key(hash)) return *found;
  if (const auto known = kept_.find(hash); known != kept_.end()) {
    if (known->second->expires_ms > now_ms) {
      recent_.add(credential, known->second);
      return known->second;
    }
    kept_.erase(known);
  }
  const bool tokens = access_ != nullptr && access_->policy.jwt;
  if (!tokens || std::ranges::count(credential, '.') != 2) {
    return fail("bad_token", "This token is not known here.");
  }
  if (!verifier_) {
    return fail("no_key_set", "The keys that prove tokens are not known yet; try again soon.");
  }
  if (PrincipalPtr shared = find_shared(hash, now_ms)) return shared;
  if (!may_verify) return fail("not_verified", "This token was not checked.");
  auto checked = verifier_->verify(credential, now_ms);
  if (!checked) return std::unexpected(checked.error());
  if (shared_ != nullptr) shared_->add(hash, {.who = *checked, .by = access_}, now_ms);
  return keep(hash, std::move(*checked), now_ms);
}

// What another core has proved, by the rules and the keys that hold here.
PrincipalPtr Authenticator::find_shared(const Sha256& hash, std::int64_t now_ms) {
  auto found = shared_ != nullptr ? shared_->find(hash, now_ms) : std::nullopt;
  if (!found || found->by == nullptr) return nullptr;
  if (found->by != access_) {
    auto renewed = verifier_->renew(found->who);
    if (!renewed || found->by->policy.jwt != access_->policy.jwt) return nullptr;
    found->who = std::move(*renewed);
  }
  return keep(hash, std::move(found->who), now_ms);
}

PrincipalPtr Authenticator::keep(const Sha256& hash, Principal who, std::int64_t now_ms) {
  make_room(kept_, kMostKept, now_ms, [](const PrincipalPtr& old) { return old->expires_ms; });
  who.generation = generation_;
  auto made = std::make_shared<const Principal>(std::move(who));
  kept_.insert_or_assign(hash, made);
  return made;
}

}  // namespace ringcast
