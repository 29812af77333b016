// Keys made by OpenSSL, as JSON Web Keys, and tokens that they sign.
#pragma once

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"

namespace ringcast {

inline std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                  reinterpret_cast<const unsigned char*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  text.resize((bytes.size() * 4 + 2) / 3);
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

class TokenMaker {
 public:
  static TokenMaker rsa(unsigned bits) { return TokenMaker(EVP_RSA_gen(bits)); }
  static TokenMaker ec(const char* curve) { return TokenMaker(EVP_EC_gen(curve)); }
  static TokenMaker ed25519() { return TokenMaker(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")); }
  static TokenMaker secret(std::string bytes) {
    TokenMaker maker(nullptr);
    maker.secret_ = std::move(bytes);
    return maker;
  }

  // `more`: further members, as `,"kid":"a"`.
  std::string jwk(std::string_view more = {}) const {
    if (!key_) return fmt::format(R"({{"kty":"oct","k":"{}"{}}})", base64url(secret_), more);
    if (EVP_PKEY_is_a(key_.get(), "RSA")) {
      return fmt::format(R"({{"kty":"RSA","n":"{}","e":"{}"{}}})",
                         base64url(number(OSSL_PKEY_PARAM_RSA_N)),
                         base64url(number(OSSL_PKEY_PARAM_RSA_E)), more);
    }
    if (EVP_PKEY_is_a(key_.get(), "EC")) {
      return fmt::format(R"({{"kty":"EC","crv":"P-{}","x":"{}","y":"{}"{}}})",
                         EVP_PKEY_get_bits(key_.get()),
                         base64url(number(OSSL_PKEY_PARAM_EC_PUB_X, coordinate_bytes())),
                         base64url(number(OSSL_PKEY_PARAM_EC_PUB_Y, coordinate_bytes())), more);
    }
    std::string raw(32, '\0');
    std::size_t length = raw.size();
    RINGCAST_CHECK(EVP_PKEY_get_raw_public_key(key_.get(), bytes(raw), &length) == 1);
    return fmt::format(R"({{"kty":"OKP","crv":"Ed25519","x":"{}"{}}})", base64url(raw), more);
  }

  // `more`: of the header, as `,"kid":"a"`. The algorithm is what its name says, whatever the key.
  std::string token(std::string_view algorithm, std::string_view claims,
                    std::string_view more = {}) const {
    const std::string header = fmt::format(R"({{"alg":"{}"{}}})", algorithm, more);
    const std::string text = base64url(header) + "." + base64url(claims);
    return text + "." + base64url(signature(algorithm, text));
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(BIGNUM* number) const { BN_free(number); }
    void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  };

  explicit TokenMaker(EVP_PKEY* key) : key_(key) {}

  static unsigned char* bytes(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
  }
  static const unsigned char* bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static std::string text_of(const BIGNUM* number, int least_bytes) {
    std::string out(static_cast<std::size_t>(std::max(BN_num_bytes(number), least_bytes)), '\0');
    BN_bn2binpad(number, bytes(out), static_cast<int>(out.size()));
    return out;
  }
  std::string number(const char* name, int least_bytes = 0) const {
    BIGNUM* made = nullptr;
    RINGCAST_CHECK(EVP_PKEY_get_bn_param(key_.get(), name, &made) == 1);
    const std::unique_ptr<BIGNUM, Free> value(made);
    return text_of(made, least_bytes);
  }
  int coordinate_bytes() const { return (EVP_PKEY_get_bits(key_.get()) + 7) / 8; }

  std::string signature(std::string_view algorithm, std::string_view text) const {
    const EVP_MD* const digest = algorithm.ends_with("256")   ? EVP_sha256()
                                 : algorithm.ends_with("384") ? EVP_sha384()
                                                              : EVP_sha512();
    if (!key_) {
      std::string mac(64, '\0');
      std::size_t length = 0;
      EVP_Q_mac(nullptr, "HMAC", nullptr, EVP_MD_get0_name(digest), nullptr, secret_.data(),
                secret_.size(), bytes(text), text.size(), bytes(mac), mac.size(), &length);
      mac.resize(length);
      return mac;
    }
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* of_key = nullptr;
    RINGCAST_CHECK(EVP_DigestSignInit(context.get(), &of_key,
                                      algorithm == "EdDSA" ? nullptr : digest, nullptr,
                                      key_.get()) == 1);
    if (algorithm.starts_with("PS")) {
      RINGCAST_CHECK(EVP_PKEY_CTX_set_rsa_padding(of_key, RSA_PKCS1_PSS_PADDING) == 1);
      EVP_PKEY_CTX_set_rsa_pss_saltlen(of_key, RSA_PSS_SALTLEN_DIGEST);
    }
    std::string out(2048, '\0');
    std::size_t length = out.size();
    RINGCAST_CHECK(EVP_DigestSign(context.get(), bytes(out), &length, bytes(text), text.size()) ==
                   1);
    out.resize(length);
    return algorithm.starts_with("ES") ? as_two_numbers(out) : out;
  }

  // OpenSSL writes a signature of ECDSA in ASN.1, a token has its numbers (RFC 7518 §3.4).
  std::string as_two_numbers(std::string_view der) const {
    const unsigned char* at = bytes(der);
    const std::unique_ptr<ECDSA_SIG, Free> pair(
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    return text_of(ECDSA_SIG_get0_r(pair.get()), coordinate_bytes()) +
           text_of(ECDSA_SIG_get0_s(pair.get()), coordinate_bytes());
  }

  std::unique_ptr<EVP_PKEY, Free> key_;  // null: a secret
  std::string secret_;
};

}  // namespace ringcast
