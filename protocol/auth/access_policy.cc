#include "protocol/auth/access_policy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/evp.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <ranges>
#include <set>

#include "core/check.h"
#include "protocol/auth/provider_url.h"
#include "protocol/auth/signature_algorithm.h"
#include "protocol/auth/small_file.h"
#include "protocol/config_values.h"

namespace ringcast {
namespace {

constexpr std::string_view kHashPrefix = "sha256:";
constexpr std::size_t kMostNameBytes = 100;
constexpr std::size_t kMostFileBytes = 4 << 20;
constexpr std::uint32_t kLeastRefreshS = 10;
constexpr const char* kRequests = "requests_per_minute";
std::optional<Sha256> read_hash(std::string_view text) {
  Sha256 hash{};
  if (!text.starts_with(kHashPrefix)) return {};
  text.remove_prefix(kHashPrefix.size());
  if (text.size() != 2 * hash.size()) return {};
  for (std::size_t i = 0; i < hash.size(); ++i) {
    const char* const at = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, hash[i], 16);
    if (error != std::errc() || end != at + 2) return {};
  }
  return hash;
}

class Reader {
 public:
  explicit Reader(std::string_view file) : file_(file) {}

  AccessPolicy read(const YAML::Node& root) {
    AccessPolicy policy;
    if (root.IsNull()) return policy;
    each(root, "the access file", {"anonymous", "keys", "jwt", "cookie"},
         [&](const std::string& key, const YAML::Node& value) {
           if (key == "anonymous") policy.anonymous = read_grants(value, key, {});
           if (key == "keys") read_keys(value, policy);
           if (key == "jwt") policy.jwt = read_jwt(value);
           if (key == "cookie") policy.cookie = read_text(value, key);
         });
    return policy;
  }

  std::vector<std::string> take_problems() { return std::move(problems_); }

 private:
  void problem(const YAML::Node& at, std::string_view what) {
    problems_.push_back(fmt::format("{}:{}: {}", file_, at.Mark().line + 1, what));
  }

  template <class Take>
  void each(const YAML::Node& map, std::string_view where, const std::vector<std::string>& known,
            const Take& take) {
    if (!map.IsMap()) return problem(map, fmt::format("{}: expected keys and values", where));
    std::set<std::string> seen;
    for (const auto& entry : map) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "?";
      if (!seen.insert(key).second) {
        problem(entry.first, fmt::format("{}: {} stands here twice", where, key));
        continue;
      }
      if (!known.empty() && std::ranges::find(known, key) == known.end()) {
        const auto meant = did_you_mean(key, known);
        problem(entry.first, fmt::format("{}: no such key{}", key,
                                         meant ? fmt::format("; did you mean {}?", *meant) : ""));
      } else {
        take(key, entry.second);
      }
    }
  }

  std::string read_text(const YAML::Node& node, std::string_view key) {
    if (node.IsScalar() && !node.Scalar().empty()) return node.Scalar();
    problem(node, fmt::format("{}: expected a text", key));
    return {};
  }

  bool read_switch(const YAML::Node& node, std::string_view key) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    if (text != "true" && text != "false") {
      problem(node, fmt::format("{}: expected true or false", key));
    }
    return text == "true";
  }

  std::uint32_t read_seconds(const YAML::Node& node, std::string_view key) {
    return read_number(node, key, 86'400, "seconds");
  }

  std::uint32_t read_number(const YAML::Node& node, std::string_view key, std::uint32_t most,
                            std::string_view what, std::uint32_t least = 0) {
    const std::string text = node.IsScalar() ? node.Scalar() : "";
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || error != std::errc() || end != text.data() + text.size() || value > most ||
        value < least) {
      problem(node, fmt::format("{}: expected {}, from {} to {}", key, what, least, most));
    }
    return value;
  }

  std::uint32_t read_bytes(const YAML::Node& node, std::string_view key, std::uint32_t least,
                           std::uint32_t most) {
    const auto bytes = parse_amount(node.IsScalar() ? node.Scalar() : "", KeyUnit::kBytes);
    if (!bytes || *bytes < least || *bytes > most) {
      problem(node,
              fmt::format("{}: expected bytes such as 64KiB, from {} to {}", key,
                          amount_text(least, KeyUnit::kBytes), amount_text(most, KeyUnit::kBytes)));
      return least;
    }
    return static_cast<std::uint32_t>(*bytes);
  }

  std::vector<std::string> read_texts(const YAML::Node& node, std::string_view key) {
    std::vector<std::string> texts;
    if (node.IsScalar()) return {read_text(node, key)};
    if (!node.IsSequence()) problem(node, fmt::format("{}: expected a list", key));
    for (const YAML::Node& item : node) texts.push_back(read_text(item, key));
    return texts;
  }

  // `beside`: keys of the map that are no grants.
  Grants read_grants(const YAML::Node& node, std::string_view where,
                     const std::vector<std::string>& beside) {
    Grants grants;
    std::vector<std::string> known(kActionNames.begin(), kActionNames.end());
    known.emplace_back("admin");
    known.insert(known.end(), beside.begin(), beside.end());
    each(node, where, known, [&](const std::string& key, const YAML::Node& value) {
      if (key == "admin") {
        if (read_switch(value, key)) grants.make_admin();
      } else if (const auto action = find_action(key)) {
        for (const std::string& name : read_texts(value, key)) {
          if (!grants.add(*action, name))
            problem(value, fmt::format("{}: bad name `{}`", key, name));
        }
      }
    });
    return grants;
  }

  std::uint32_t read_requests(const YAML::Node& node) {
    return read_number(node, kRequests, 100'000'000, "requests a minute");
  }

  void read_keys(const YAML::Node& node, AccessPolicy& policy) {
    each(node, "keys", {}, [&](const std::string& name, const YAML::Node& value) {
      if (name.empty() || name.size() > kMostNameBytes) {
        return problem(value, "keys: a key's name has 1 to 100 bytes");
      }
      ApiKey key{.name = name, .hash = {}, .grants = read_grants(value, name, {"hash", kRequests})};
      const YAML::Node given = value.IsMap() ? value["hash"] : YAML::Node();
      const auto hash = read_hash(given && given.IsScalar() ? given.Scalar() : "");
      if (!hash) {
        return problem(value, fmt::format("{}: expected hash: sha256: and 64 hexadecimal digits, "
                                          "as `ringcast access key {}` makes it",
                                          name, name));
      }
      key.hash = *hash;
      const auto same = std::ranges::find(policy.keys, key.hash, &ApiKey::hash);
      if (same != policy.keys.end()) {
        return problem(value, fmt::format("keys: {} and {} are the same key", same->name, name));
      }
      if (const YAML::Node most = value[kRequests]) key.requests_per_minute = read_requests(most);
      policy.keys.push_back(std::move(key));
    });
  }

  std::optional<JwtRules> read_jwt(const YAML::Node& node) {
    JwtRules rules;
    each(node, "jwt",
         {"jwks", "issuer", "audience", "resource", "authorization_servers", "algorithms", "claim",
          "grants", "leeway_s", "refresh_s", "allow_insecure", "max_keys", "max_key_set_bytes",
          kRequests},
         [&](const std::string& key, const YAML::Node& value) {
           if (key == "jwks") rules.jwks = read_text(value, key);
           if (key == "issuer") rules.issuer = read_text(value, key);
           if (key == "audience") rules.audiences = read_texts(value, key);
           if (key == "resource") rules.resource = read_origin(value, key);
           if (key == "authorization_servers") rules.authorization_servers = read_urls(value, key);
           if (key == "algorithms") rules.algorithms = read_algorithms(value);
           if (key == "claim") rules.claim = read_text(value, key);
           if (key == "grants") rules.grants = read_grants(value, key, {});
           if (key == "leeway_s") rules.leeway_s = read_seconds(value, key);
           if (key == "max_keys") rules.max_keys = read_number(value, key, 1000, "keys", 1);
           if (key == "max_key_set_bytes") {
             rules.max_key_set_bytes = read_bytes(value, key, 1024, 16 << 20);
           }
           if (key == "refresh_s") rules.refresh_s = read_seconds(value, key);
           if (key == "allow_insecure") rules.allow_insecure = read_switch(value, key);
           if (key == kRequests) rules.requests_per_minute = read_requests(value);
         });
    if (rules.jwks.empty()) problem(node, "jwt: jwks is missing: a file, or an https:// address");
    if (rules.remote()) check_provider(node, rules);
    complete(node, rules);
    return rules;
  }

  // Whoever stands between us and the provider would be who says which tokens are right.
  void check_provider(const YAML::Node& node, const JwtRules& rules) {
    if (!is_provider_url(rules.jwks)) {
      return problem(node["jwks"], "jwks: this is no https:// address");
    }
    const bool loopback = is_on_loopback(rules.jwks);
    if (rules.jwks.starts_with("http://") && !loopback && !rules.allow_insecure) {
      problem(
          node["jwks"],
          "jwks: over http:// anybody on the way may change the keys: name an https:// address, "
          "or say that this is wanted (allow_insecure: true)");
    }
    const std::uint32_t least_s = loopback ? 1 : kLeastRefreshS;
    if (rules.refresh_s < least_s) {
      problem(node["refresh_s"],
              fmt::format("refresh_s: expected at least {} seconds{}", least_s,
                          loopback ? "" : ", or 1 if the provider is on this machine"));
    }
  }

  // A token that was given for somebody else must not be taken (RFC 8725 §3.9, RFC 8707).
  void complete(const YAML::Node& node, JwtRules& rules) {
    if (!rules.resource.empty()) {
      rules.audiences.push_back(rules.resource);
      rules.audiences.push_back(rules.resource + "/");
      rules.audiences.push_back(rules.resource + "/mcp");
    }
    if (rules.audiences.empty()) {
      problem(node, "jwt: audience is missing: whom tokens are for, or \"*\" if they do not say");
    }
    if (rules.authorization_servers.empty() && is_url(rules.issuer)) {
      rules.authorization_servers.push_back(rules.issuer);
    }
  }

  static bool is_url(std::string_view text) {
    const bool web = text.starts_with("https://") || text.starts_with("http://");
    return web && text.find_first_of(" \t\r\n\"\\") == std::string_view::npos;
  }

  std::vector<std::string> read_urls(const YAML::Node& node, std::string_view key) {
    std::vector<std::string> urls = read_texts(node, key);
    for (const std::string& url : urls) {
      if (!is_url(url)) problem(node, fmt::format("{}: `{}` is no https:// address", key, url));
    }
    return urls;
  }

  std::string read_origin(const YAML::Node& node, std::string_view key) {
    std::string text = read_text(node, key);
    if (text.ends_with('/')) text.pop_back();
    const bool origin = is_url(text) && std::ranges::count(text, '/') == 2;
    if (!origin) problem(node, fmt::format("{}: expected https://NAME, without a path", key));
    return text;
  }

  std::vector<std::string> read_algorithms(const YAML::Node& node) {
    std::vector<std::string> algorithms = read_texts(node, "algorithms");
    for (const std::string& name : algorithms) {
      if (find_signature_algorithm(name) != nullptr) continue;
      problem(node, fmt::format("algorithms: `{}` is none of {}", name,
                                fmt::join(kSignatureAlgorithms |
                                              std::views::transform(&SignatureAlgorithm::name),
                                          ", ")));
    }
    return algorithms;
  }

  std::string_view file_;
  std::vector<std::string> problems_;
};

}  // namespace

// Of each request that brings something: looking the algorithm up costs more than the hash does.
Sha256 sha256(std::string_view text) {
  struct Digest {
    EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* state = EVP_MD_CTX_new();
    ~Digest() {
      EVP_MD_CTX_free(state);
      EVP_MD_free(algorithm);
    }
  };
  thread_local const Digest digest;
  Sha256 hash;
  RINGCAST_CHECK(EVP_DigestInit_ex2(digest.state, digest.algorithm, nullptr) == 1);
  RINGCAST_CHECK(EVP_DigestUpdate(digest.state, text.data(), text.size()) == 1);
  RINGCAST_CHECK(EVP_DigestFinal_ex(digest.state, hash.data(), nullptr) == 1);
  return hash;
}

Result<AccessPolicy> read_access_policy(std::string_view yaml, std::string_view file) {
  Reader reader(file);
  AccessPolicy policy;
  std::vector<std::string> problems;
  try {
    policy = reader.read(YAML::Load(std::string(yaml)));
    problems = reader.take_problems();
  } catch (const YAML::Exception& problem) {
    problems.push_back(fmt::format("{}:{}: {}", file, problem.mark.line + 1, problem.msg));
  }
  if (!problems.empty()) {
    return fail("bad_access_file", fmt::format("{}", fmt::join(problems, "\n")));
  }
  return policy;
}

Result<AccessPolicy> load_access_policy(const std::string& path) {
  const auto text = read_small_file(path, kMostFileBytes);
  if (!text) {
    return fail("bad_access_file",
                fmt::format("Cannot read the access file {}: {}.", path, text.error().message));
  }
  return read_access_policy(*text, path);
}

}  // namespace ringcast
