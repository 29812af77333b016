// Who is in which room. A room's members are kept on the home core of its topic, `room.NAME`; what
// they say is that topic's history, and who comes and goes is told on `presence.NAME`.
//
// Home core only; sessions ask by CoreCall (protocol/ws_rooms.cc).
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "protocol/config.h"
#include "protocol/ws_session.h"

namespace ringcast {

class Rooms {
 public:
  struct Member {
    WsClientId client;
    std::string name;
  };

  // `open`: how many rooms there are on all homes.
  explicit Rooms(std::atomic<std::uint64_t>& open) : open_(open) {}

  // Adds a member; one that is there already only gets its new name. Returns all of them. Errors:
  // too_many_rooms, room_full.
  Result<std::string> join(const std::string& room, Member member, const Config::Rooms& limits);
  // False: it was not in there. `left` is how many remain.
  bool leave(const std::string& room, const WsClientId& client, std::size_t& left);
  const Member* find(const std::string& room, const WsClientId& client) const;
  // `[{"client":"w0-3-7","name":"alice"},…]`
  std::string members_json(const std::string& room) const;
  std::size_t members(const std::string& room) const;

 private:
  std::atomic<std::uint64_t>& open_;
  std::unordered_map<std::string, std::vector<Member>> members_;
};

}  // namespace ringcast
