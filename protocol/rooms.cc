#include "protocol/rooms.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/event_stream.h"

namespace ringcast {

Result<std::string> Rooms::join(const std::string& room, Member member,
                                const Config::Rooms& limits) {
  auto found = members_.find(room);
  if (found == members_.end()) {
    if (open_.fetch_add(1, std::memory_order_relaxed) >= limits.max_rooms) {
      open_.fetch_sub(1, std::memory_order_relaxed);
      return fail("too_many_rooms", "There are as many rooms as rooms.max_rooms allows.");
    }
    found = members_.emplace(room, std::vector<Member>{}).first;
  }
  std::vector<Member>& all = found->second;
  const auto there = std::ranges::find(all, member.client, &Member::client);
  if (there != all.end()) {
    there->name = std::move(member.name);
  } else if (all.size() >= limits.max_members) {
    return fail("room_full", "The room has as many members as rooms.max_members allows.");
  } else {
    all.push_back(std::move(member));
  }
  return members_json(room);
}

bool Rooms::leave(const std::string& room, const WsClientId& client, std::size_t& left) {
  left = 0;
  const auto found = members_.find(room);
  if (found == members_.end()) return false;
  const bool was = std::erase_if(found->second,
                                 [&](const Member& member) { return member.client == client; }) > 0;
  left = found->second.size();
  if (left == 0) {
    members_.erase(found);
    open_.fetch_sub(1, std::memory_order_relaxed);
  }
  return was;
}

const Rooms::Member* Rooms::find(const std::string& room, const WsClientId& client) const {
  const auto found = members_.find(room);
  if (found == members_.end()) return nullptr;
  const auto there = std::ranges::find(found->second, client, &Member::client);
  return there == found->second.end() ? nullptr : &*there;
}

std::size_t Rooms::members(const std::string& room) const {
  const auto found = members_.find(room);
  return found == members_.end() ? 0 : found->second.size();
}

std::string Rooms::members_json(const std::string& room) const {
  std::string text = "[";
  const auto found = members_.find(room);
  if (found != members_.end()) {
    for (const Member& member : found->second) {
      if (text.size() > 1) text += ',';
      text += fmt::format("{{\"client\":\"{}\",\"name\":", client_id_text(member.client));
      append_json_string(text, member.name);
      text += '}';
    }
  }
  text += ']';
  return text;
}

}  // namespace ringcast
