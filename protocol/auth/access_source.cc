#include "protocol/auth/access_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "protocol/auth/provider_url.h"
#include "protocol/auth/small_file.h"
#include "protocol/log.h"

namespace ringcast {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kRetry{5};  // between two questions at the soonest
constexpr std::chrono::seconds kIdle{3600};

std::string shown_source(const JwtRules& rules) {
  return rules.remote() ? shown_url(rules.jwks) : rules.jwks;
}

// What is not used of it is said.
Result<void> check(const JwtRules& rules, const std::string& key_set) {
  const auto keys = KeySet::read(key_set, rules);
  if (!keys)
    return fail(keys.error().code,
                fmt::format("{}: {}", shown_source(rules), keys.error().message));
  for (const auto& [kid, why] : keys->left_out()) {
    log_warn("key of the key set is not used", {{"kid", kid}, {"why", why}});
  }
  if (keys->too_many() > 0) {
    log_warn("the key set has more keys than jwt.max_keys, the last are not used",
             {{"max_keys", rules.max_keys}, {"not_used", keys->too_many()}});
  }
  return {};
}

Result<std::string> read_key_set(const JwtRules& rules) {
  auto text = read_small_file(rules.jwks, rules.max_key_set_bytes);
  if (text) return text;
  return fail("bad_key_set",
              fmt::format("Cannot read the key set {}: {}.", rules.jwks, text.error().message));
}

// After which a provider is asked again.
std::chrono::seconds pause(const Access* access) {
  if (access == nullptr || !access->policy.jwt || !access->policy.jwt->remote()) return kIdle;
  const std::chrono::seconds usual{access->policy.jwt->refresh_s};
  return access->key_set.empty() ? std::min(usual, kRetry) : usual;
}

}  // namespace

Result<std::shared_ptr<const Access>> AccessSource::read(const std::string& path) const {
  if (path.empty()) return nullptr;
  auto policy = load_access_policy(path);
  if (!policy) return std::unexpected(std::move(policy.error()));
  Access access{.policy = std::move(*policy), .key_set = {}};
  if (const auto& jwt = access.policy.jwt) {
    if (jwt->remote()) {
      const auto known = current();
      const bool same = known && known->policy.jwt && known->policy.jwt->jwks == jwt->jwks;
      if (same) access.key_set = known->key_set;
    } else {
      auto key_set = read_key_set(*jwt);
      if (!key_set) return std::unexpected(std::move(key_set.error()));
      access.key_set = std::move(*key_set);
    }
    if (!jwt->remote() || !access.key_set.empty()) {
      if (auto good = check(*jwt, access.key_set); !good) {
        return std::unexpected(std::move(good.error()));
      }
    }
  }
  return std::make_shared<const Access>(std::move(access));
}

void AccessSource::adopt(std::shared_ptr<const Access> access) {
  const std::lock_guard lock(mutex_);
  access_ = std::move(access);
  asked_ = true;
  woken_.notify_one();
}

std::shared_ptr<const Access> AccessSource::current() const {
  const std::lock_guard lock(mutex_);
  return access_;
}

void AccessSource::want_keys() {
  const std::lock_guard lock(mutex_);
  wanted_ = true;
  woken_.notify_one();
}

void AccessSource::start(Changed changed) {
  changed_ = std::move(changed);
  thread_ = std::thread([this] { run(); });
}

void AccessSource::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    woken_.notify_one();
  }
  provider_.cancel();
  thread_.join();
}

void AccessSource::run() {
  std::unique_lock lock(mutex_);
  Clock::time_point due = Clock::now();
  Clock::time_point earliest = due;  // for what a token asks
  while (true) {
    woken_.wait_until(lock, due, [this] { return ended_ || asked_ || wanted_; });
    if (wanted_) woken_.wait_until(lock, earliest, [this] { return ended_ || asked_; });
    if (ended_) return;
    asked_ = wanted_ = false;
    lock.unlock();
    refresh();
    lock.lock();
    earliest = Clock::now() + kRetry;
    due = Clock::now() + pause(access_.get());
  }
}

void AccessSource::refresh() {
  const std::shared_ptr<const Access> before = current();
  if (!before || !before->policy.jwt || !before->policy.jwt->remote()) return;
  const JwtRules& rules = *before->policy.jwt;
  auto key_set = provider_.fetch(rules);
  if (key_set && *key_set == before->key_set) return;
  if (key_set) {
    if (auto good = check(rules, *key_set); !good) key_set = std::unexpected(good.error());
  }
  auto fresh = key_set ? std::make_shared<const Access>(Access{before->policy, *key_set}) : nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (ended_ || access_ != before) return;  // the file was read anew meanwhile
    if (fresh) access_ = std::move(fresh);
  }
  if (!key_set) {
    log_warn(before->key_set.empty() ? "no key set yet, tokens are answered 503"
                                     : "key set not renewed, the old one stays",
             {{"error", key_set.error().message}});
    return;
  }
  log_info("key set renewed", {{"from", shown_source(rules)}});
  changed_();
}

}  // namespace ringcast
