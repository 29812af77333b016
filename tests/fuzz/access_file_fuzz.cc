// The access file and key sets: whatever they are, they are taken or refused with a reason, and
// what is taken says nothing twice and grants nothing that does not stand there.
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "core/check.h"
#include "protocol/auth/access_changes.h"
#include "protocol/auth/access_policy.h"
#include "protocol/auth/key_set.h"
#include "protocol/auth/provider_url.h"

namespace ringcast {
namespace {

void check_policy(std::string_view text) {
  const auto policy = read_access_policy(text, "f");
  if (!policy) {
    RINGCAST_CHECK(policy.error().code == "bad_access_file");
    RINGCAST_CHECK(policy.error().message.starts_with("f:"));
    return;
  }
  std::set<std::string> names;
  std::set<Sha256> hashes;
  for (const ApiKey& key : policy->keys) {
    RINGCAST_CHECK(!key.name.empty() && names.insert(key.name).second);
    RINGCAST_CHECK(hashes.insert(key.hash).second);
    RINGCAST_CHECK(!key.grants.admin() || text.find("true") != std::string_view::npos ||
                   text.find('\\') != std::string_view::npos);
  }
  if (const auto& jwt = policy->jwt) {
    RINGCAST_CHECK(!jwt->jwks.empty() && !jwt->audiences.empty() && jwt->max_keys >= 1);
    const bool open = jwt->jwks.starts_with("http://") && !jwt->allow_insecure;
    RINGCAST_CHECK(!open || is_on_loopback(jwt->jwks));
    RINGCAST_CHECK(!jwt->remote() || shown_url(jwt->jwks).find('@') == std::string::npos ||
                   jwt->jwks.rfind('/') < jwt->jwks.rfind('@'));
  }
  // It is itself.
  const Access access{.policy = *policy, .key_set = {}};
  RINGCAST_CHECK(compare_access(&access, &access).empty());
}

void check_key_set(std::string_view text) {
  const auto set = KeySet::read(text, {});
  if (!set) {
    RINGCAST_CHECK(set.error().code == "bad_key_set" && set.error().message.ends_with('.'));
    return;
  }
  RINGCAST_CHECK(!set->keys().empty() && set->keys().size() <= JwtRules{}.max_keys);
  for (const SigningKey& key : set->keys()) {
    // The defaults are RS256, ES256, EdDSA, HS256; a key is of one kind.
    RINGCAST_CHECK(key.algorithms.count() == 1 && key.key != nullptr);
  }
  for (const auto& left : set->left_out()) RINGCAST_CHECK(!left.why.empty());
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ringcast::check_policy(text);
  ringcast::check_key_set(text);
  return 0;
}
