// The tokens that a core has seen last, as they were shown: whoever sends one request after another
// costs a comparison instead of a hash. Each has one place, which the next with the same end takes.
//
// One core only. Only tokens that were proved get in, so nobody else can fill it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/auth/principal.h"

namespace ringcast {

class RecentTokens {
 public:
  static constexpr std::size_t kPlaces = 256;
  static constexpr std::size_t kMostBytes = 1024;  // a longer one is not kept

  // Null: it is not here, or has expired. Takes as long wherever two signatures differ: the rest of
  // a token is no secret.
  PrincipalPtr find(std::string_view token, std::int64_t now_ms) const;
  void add(std::string_view token, PrincipalPtr who);
  void clear();

 private:
  struct Place {
    std::string token;
    PrincipalPtr who;
  };
  // By the signature's end, in which tokens of one issuer differ.
  static std::size_t index(std::string_view token);

  std::array<Place, kPlaces> places_;
};

}  // namespace ringcast
