#include "protocol/auth/key_set.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rhonabwy.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::uint32_t kMostRsaBits = 16'384;  // a check of more takes too long
constexpr std::size_t kMostShown = 64;          // bytes of what a key says, in messages
constexpr std::size_t kMostReasons = 5;         // in the message about a set without keys

constexpr std::string_view kBase64Url =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string shown(std::string_view text) {
  std::string out(text.substr(0, kMostShown));
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::ranges::replace_if(out, is_control, '?');
  return out;
}

std::unexpected<Error> useless(std::string why) { return fail("bad_key", std::move(why)); }

bool is_base64url(std::string_view text) {
  return !text.empty() && text.find_first_not_of(kBase64Url) == std::string_view::npos;
}

std::uint32_t bytes_of(std::string_view base64url) {
  return static_cast<std::uint32_t>(base64url.size() * 6 / 8);
}

// Of the number that it stands for, zeros before it left out.
std::uint32_t bits_of(std::string_view base64url) {
  const std::size_t first = base64url.find_first_not_of('A');
  if (first == std::string_view::npos) return 0;
  const auto value = static_cast<unsigned>(kBase64Url.find(base64url[first]));
  const std::size_t zeros = first * 6 + (6 - static_cast<std::size_t>(std::bit_width(value)));
  const std::size_t bits = bytes_of(base64url) * std::size_t{8};
  return static_cast<std::uint32_t>(bits - std::min(zeros, bits));
}

// A member that may be left out, and if it is not has to be a text.
Result<std::optional<std::string_view>> text_of(const dom::object& key, std::string_view name) {
  dom::element value;
  if (key[name].get(value) != simdjson::SUCCESS) return std::nullopt;
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS) return text;
  return useless(fmt::format("its `{}` is no text", name));
}

Result<std::string_view> material_of(const dom::object& key, std::string_view name) {
  auto text = text_of(key, name);
  if (!text) return std::unexpected(std::move(text.error()));
  if (!*text) return useless(fmt::format("it has no `{}`", name));
  if (!is_base64url(**text)) return useless(fmt::format("its `{}` is no base64url", name));
  return **text;
}

// What a key is made of.
struct Material {
  KeyKind kind = KeyKind::secret;
  std::string_view curve;
  std::uint32_t bits = 0;
  std::string json;  // as a JSON Web Key with nothing else
};

struct Curve {
  KeyKind kind;
  std::string_view name;
  std::uint32_t bytes;  // of a coordinate
};
constexpr std::array<Curve, 5> kCurves = {{{KeyKind::ec, "P-256", 32},
                                           {KeyKind::ec, "P-384", 48},
                                           {KeyKind::ec, "P-521", 66},
                                           {KeyKind::okp, "Ed25519", 32},
                                           {KeyKind::okp, "Ed448", 57}}};

Result<Material> read_secret(const dom::object& key) {
  const auto secret = material_of(key, "k");
  if (!secret) return std::unexpected(secret.error());
  return Material{.kind = KeyKind::secret,
                  .curve = {},
                  .bits = bytes_of(*secret) * 8,
                  .json = fmt::format(R"({{"kty":"oct","k":"{}"}})", *secret)};
}

Result<Material> read_rsa(const dom::object& key) {
  const auto modulus = material_of(key, "n");
  if (!modulus) return std::unexpected(modulus.error());
  const auto exponent = material_of(key, "e");
  if (!exponent) return std::unexpected(exponent.error());
  const std::uint32_t bits = bits_of(*modulus);
  if (bits > kMostRsaBits) {
    return useless(fmt::format("it has {} bits, and {} are the most", bits, kMostRsaBits));
  }
  // With an exponent of one whatever is brought is its own signature.
  if (bits_of(*exponent) < 2) return useless("its `e` is no exponent");
  return Material{.kind = KeyKind::rsa,
                  .curve = {},
                  .bits = bits,
                  .json = fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"}})", *modulus, *exponent)};
}

Result<Material> read_curve(const dom::object& key, KeyKind kind) {
  const auto name = text_of(key, "crv");
  if (!name) return std::unexpected(name.error());
  const auto* const curve = std::ranges::find_if(kCurves, [&](const Curve& one) {
    return one.kind == kind && one.name == name->value_or("");
  });
  if (curve == kCurves.end()) {
    return useless(
        fmt::format("its curve `{}` is none that is known here", shown(name->value_or(""))));
  }
  const auto x = material_of(key, "x");
  if (!x) return std::unexpected(x.error());
  const auto y = kind == KeyKind::ec ? material_of(key, "y") : *x;
  if (!y) return std::unexpected(y.error());
  if (bytes_of(*x) != curve->bytes || bytes_of(*y) != curve->bytes) {
    return useless(
        fmt::format("a point of {} has coordinates of {} bytes", curve->name, curve->bytes));
  }
  std::string json = fmt::format(R"({{"kty":"{}","crv":"{}","x":"{}")",
                                 kind == KeyKind::ec ? "EC" : "OKP", curve->name, *x);
  if (kind == KeyKind::ec) json += fmt::format(R"(,"y":"{}")", *y);
  return Material{.kind = kind, .curve = curve->name, .bits = 0, .json = json + "}"};
}

Result<Material> read_material(const dom::object& key) {
  const auto kind = text_of(key, "kty");
  if (!kind) return std::unexpected(kind.error());
  const std::string_view name = kind->value_or("");
  if (name == "oct") return read_secret(key);
  if (name == "RSA") return read_rsa(key);
  if (name == "EC") return read_curve(key, KeyKind::ec);
  if (name == "OKP") return read_curve(key, KeyKind::okp);
  return useless(fmt::format("its kind `{}` is none that is known here", shown(name)));
}

// Whether it says itself that it is to check signatures (RFC 7517 §4.2, §4.3).
Result<void> check_purpose(const dom::object& key) {
  const auto use = text_of(key, "use");
  if (!use) return std::unexpected(use.error());
  if (*use && **use != "sig") {
    return useless(fmt::format("its `use` is `{}`, not `sig`", shown(**use)));
  }
  dom::element value;
  if (key["key_ops"].get(value) != simdjson::SUCCESS) return {};
  dom::array operations;
  if (value.get_array().get(operations) != simdjson::SUCCESS) {
    return useless("its `key_ops` is no list");
  }
  for (const dom::element operation : operations) {
    std::string_view name;
    if (operation.get_string().get(name) == simdjson::SUCCESS && name == "verify") return {};
  }
  return useless("its `key_ops` has no `verify`");
}

// A secret that a provider shows to everybody is none, nor is the private half of a key.
Result<void> check_secrecy(const dom::object& key, const Material& material) {
  if (material.kind == KeyKind::secret) return useless("it is a secret, and came over the network");
  if (key["d"].error() != simdjson::SUCCESS) return {};
  return useless("its private half came with it over the network");
}

// Those among the configured that it is for, and strong enough.
Result<void> choose_algorithms(const dom::object& key, const Material& material,
                               const JwtRules& rules, SigningKey& out) {
  const auto own = text_of(key, "alg");
  if (!own) return std::unexpected(own.error());
  const SignatureAlgorithm* too_weak_for = nullptr;
  bool meant = false;
  for (std::size_t i = 0; i < kSignatureAlgorithms.size(); ++i) {
    const SignatureAlgorithm& algorithm = kSignatureAlgorithms[i];
    const bool fits = algorithm.kind == material.kind &&
                      own->value_or(algorithm.name) == algorithm.name &&
                      (algorithm.curve.empty() || algorithm.curve == material.curve);
    if (!fits) continue;
    meant = true;
    if (std::ranges::find(rules.algorithms, algorithm.name) == rules.algorithms.end()) continue;
    if (material.bits < algorithm.least_bits) {
      if (too_weak_for == nullptr) too_weak_for = &algorithm;
    } else {
      out.algorithms.set(i);
    }
  }
  if (out.algorithms.any()) return {};
  if (too_weak_for != nullptr) {
    return useless(fmt::format("it is too weak: it has {} bits, and {} wants at least {}",
                               material.bits, too_weak_for->name, too_weak_for->least_bits));
  }
  if (meant) return useless("it is for none of jwt.algorithms");
  return useless(fmt::format("its `alg` is `{}`, which is no signature of its kind and curve",
                             shown(own->value_or(""))));
}

Result<SigningKey> read_key(const dom::object& key, const JwtRules& rules) {
  SigningKey out;
  const auto kid = text_of(key, "kid");
  if (!kid) return std::unexpected(kid.error());
  if (*kid) out.kid = std::string(**kid);
  if (auto meant = check_purpose(key); !meant) return std::unexpected(std::move(meant.error()));
  const auto material = read_material(key);
  if (!material) return std::unexpected(material.error());
  if (rules.remote()) {
    if (auto good = check_secrecy(key, *material); !good) {
      return std::unexpected(std::move(good.error()));
    }
  }
  if (auto chosen = choose_algorithms(key, *material, rules, out); !chosen) {
    return std::unexpected(std::move(chosen.error()));
  }
  jwk_t* made = nullptr;
  if (r_jwk_init(&made) != RHN_OK) return useless("there is no memory for it");
  out.key.reset(made);
  if (r_jwk_import_from_json_str(made, material->json.c_str()) != RHN_OK) {
    return useless("what it is made of makes no key");
  }
  out.identity = sha256(fmt::format("{} {} {}{}", material->json, out.algorithms.to_ulong(),
                                    out.kid ? "kid " : "", out.kid.value_or("")));
  return out;
}

std::unexpected<Error> no_key_left(const std::vector<KeySet::LeftOut>& left_out) {
  std::vector<std::string> reasons;
  for (std::size_t i = 0; i < std::min(left_out.size(), kMostReasons); ++i) {
    const auto& [kid, why] = left_out[i];
    reasons.push_back(fmt::format("{}: {}", kid.empty() ? fmt::format("key {}", i + 1) : kid, why));
  }
  if (left_out.size() > kMostReasons) reasons.emplace_back("…");
  return fail("bad_key_set", fmt::format("The key set has no key that can be used{}{}.",
                                         reasons.empty() ? "" : ": ", fmt::join(reasons, "; ")));
}

}  // namespace

void SigningKey::Free::operator()(void* jwk) const { r_jwk_free(static_cast<jwk_t*>(jwk)); }

Result<KeySet> KeySet::read(std::string_view json, const JwtRules& rules) {
  if (json.size() > rules.max_key_set_bytes) {
    return fail("bad_key_set", fmt::format("The key set has more than {} bytes "
                                           "(jwt.max_key_set_bytes).",
                                           rules.max_key_set_bytes));
  }
  dom::parser parser;
  dom::object root;
  dom::array list;
  if (parser.parse(simdjson::padded_string(json)).get_object().get(root) != simdjson::SUCCESS ||
      root["keys"].get_array().get(list) != simdjson::SUCCESS) {
    return fail("bad_key_set", "This is no JSON Web Key Set (RFC 7517 §5) with keys in it.");
  }
  KeySet set;
  for (const dom::element item : list) {
    if (set.keys_.size() == rules.max_keys) {
      ++set.too_many_;
      continue;
    }
    dom::object fields;
    if (item.get_object().get(fields) != simdjson::SUCCESS) {
      set.left_out_.push_back({.kid = {}, .why = "it is no JSON object"});
    } else if (auto good = read_key(fields, rules)) {
      set.keys_.push_back(std::move(*good));
    } else {
      std::string_view kid;
      if (fields["kid"].get_string().get(kid) != simdjson::SUCCESS) kid = {};
      set.left_out_.push_back({.kid = shown(kid), .why = std::move(good.error().message)});
    }
  }
  if (set.keys_.empty()) return no_key_left(set.left_out_);
  return set;
}

}  // namespace ringcast
