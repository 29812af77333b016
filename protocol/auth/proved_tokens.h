// Tokens that some core has proved, for the cores that have not: a client's connections lie on
// several, and a token costs its signature once on all of them together.
//
// Who owns what: the server owns the table, any core asks it and adds to it. One mutex suffices,
// because a core asks for what it does not know itself only. What is found is copied, so that no
// count of references goes back and forth between cores.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "protocol/auth/access_policy.h"
#include "protocol/auth/principal.h"

namespace ringcast {

struct Access;

struct HashOfHash {
  std::size_t operator()(const Sha256& hash) const {
    std::size_t value = 0;
    std::memcpy(&value, hash.data(), sizeof value);
    return value;
  }
};

class ProvedTokens {
 public:
  static constexpr std::size_t kMost = 10'000;

  struct Proved {
    Principal who;
    std::shared_ptr<const Access> by;  // what it went by
  };

  // Nothing if it is not known, or has expired.
  std::optional<Proved> find(const Sha256& hash, std::int64_t now_ms);
  void add(const Sha256& hash, Proved one, std::int64_t now_ms);

 private:
  std::mutex mutex_;
  std::unordered_map<Sha256, Proved, HashOfHash> tokens_;
};

// Makes room for one more: what has expired goes, or else half of what there is.
template <class Map, class ExpiresMs>
void make_room(Map& map, std::size_t most, std::int64_t now_ms, const ExpiresMs& expires_ms) {
  if (map.size() < most) return;
  std::erase_if(map, [&](const auto& one) { return expires_ms(one.second) <= now_ms; });
  if (map.size() >= most) {
    map.erase(map.begin(), std::next(map.begin(), static_cast<std::ptrdiff_t>(most / 2)));
  }
}

}  // namespace ringcast
