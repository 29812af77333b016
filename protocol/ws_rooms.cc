#include "protocol/ws_rooms.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/topic_name.h"
#include "core/utf8.h"
#include "net/url.h"
#include "protocol/rooms.h"
#include "protocol/sse_request.h"
#include "protocol/ws_form.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostNameBytes = 128;

// Runs `work` with the rooms of the home core, and comes back with its result.
template <class Work>
class RoomCall final : public CoreCall {
 public:
  RoomCall(Service& service, const std::string& room, Work work)
      : CoreCall(service.reactor(), home_of(service, room).reactor()),
        home_(home_of(service, room)),
        work_(std::move(work)) {}
  auto await_resume() { return std::move(*result_); }

 private:
  static Service& home_of(Service& service, const std::string& room) {
    ServerState& state = service.state();
    return *state.services[state.fabric.home_of("room." + room)];
  }
  void serve() override { result_.emplace(work_(home_.rooms())); }

  Service& home_;
  Work work_;
  std::optional<std::invoke_result_t<Work&, Rooms&>> result_;
};

Task<void> tell(Service* service, std::string room, std::string_view what, std::string client,
                std::string name, std::size_t members) {
  std::string data = fmt::format("{{\"client\":\"{}\",\"name\":", client);
  append_json_string(data, name);
  data += fmt::format(",\"members\":{}}}", members);
  const std::string topic = "presence." + room;
  // Without room for the topic nobody follows it either.
  [[maybe_unused]] const auto told = co_await service->shard().publish(
      topic, NewEvent{.type = what, .data = data, .key = {}, .except = client});
}

Task<void> leave_room(Service* service, WsClientId client, std::string room, std::string name) {
  const auto left = co_await RoomCall(*service, room, [&](Rooms& rooms) {
    std::size_t members = 0;
    const bool was = rooms.leave(room, client, members);
    return std::pair(was, members);
  });
  if (left.first) {
    co_await tell(service, room, "leave", client_id_text(client), name, left.second);
  }
}

// The rooms that a session is in.
class RoomMembership final : public WsSession::Membership {
 public:
  struct In {
    std::string room;
    std::string name;
  };

  void closed(WsSession& session) override {
    for (In& in : rooms) {
      session.service().background().spawn(
          leave_room(&session.service(), session.client_id(), std::move(in.room), in.name));
    }
  }
  bool covered(const Principal& who) const override {
    return std::ranges::all_of(
        rooms, [&who](const In& in) { return who.grants.allows(Action::rooms, in.room); });
  }
  const In* find(std::string_view room) const {
    const auto found = std::ranges::find(rooms, room, &In::room);
    return found == rooms.end() ? nullptr : &*found;
  }

  std::vector<In> rooms;
};

RoomMembership& membership_of(WsSession& session) {
  if (!session.membership) session.membership = std::make_unique<RoomMembership>();
  return static_cast<RoomMembership&>(*session.membership);
}

// The room that a command is about; null if it was refused.
const RoomMembership::In* room_of(WsSession& session, const WsCommand& command) {
  const RoomMembership& membership = membership_of(session);
  if (command.room.empty() && membership.rooms.size() == 1) return &membership.rooms.front();
  if (command.room.empty()) {
    session.refuse("bad_command", "Say in which `room`.", command.ref);
    return nullptr;
  }
  const RoomMembership::In* const in = membership.find(command.room);
  if (in == nullptr) session.refuse("not_in_room", "Join the room first.", command.ref);
  return in;
}

struct JoinRequest {
  std::string room;
  std::string name;
  std::string last_id;
  std::string ref;
};

std::string join_problem(WsSession& session, const JoinRequest& wanted) {
  if (!is_valid_utf8(wanted.room) || !is_topic_name("room." + wanted.room) ||
      !is_topic_name("presence." + wanted.room)) {
    return "A room's name has 1 to 191 bytes, without spaces, controls or `*`.";
  }
  if (wanted.name.size() > kMostNameBytes) return "A member's name has at most 128 bytes.";
  const std::size_t rooms = membership_of(session).rooms.size();
  if (2 * (rooms + 1) > session.service().config().limits.max_topics_per_subscriber) {
    return "This connection is in as many rooms as limits.max_topics_per_subscriber allows: each "
           "takes two topics.";
  }
  return {};
}

Task<bool> follow_room(WsSession& session, const JoinRequest& wanted, std::string head) {
  Shard& shard = session.service().shard();
  const std::shared_ptr<WsSession> self = session.shared_from_this();
  for (const std::string_view kind : {"room.", "presence."}) {
    Subscription more;
    more.topics = {std::string(kind) + wanted.room};
    more.name = session.id();
    if (kind == "room.") {
      more.from = Subscription::From::earliest;
      if (!wanted.last_id.empty()) {
        more.from = Subscription::From::after_id;
        more.last_id = wanted.last_id.substr(0, kMostEchoedIdBytes);
      }
      more.head = std::exchange(head, {});
    }
    const auto done = co_await shard.follow_more(self, std::move(more));
    if (done) continue;
    session.refuse(done.error().code, done.error().message, wanted.ref);
    co_return false;
  }
  co_return true;
}

Task<void> join(std::shared_ptr<WsSession> self, JoinRequest wanted) {
  WsSession& session = *self;
  Service& service = session.service();
  if (!session.may(Action::rooms, wanted.room, wanted.ref)) co_return;
  if (const std::string problem = join_problem(session, wanted); !problem.empty()) {
    session.refuse("bad_room", problem, wanted.ref);
    co_return;
  }
  if (wanted.name.empty()) wanted.name = session.id();
  RoomMembership& membership = membership_of(session);
  if (membership.find(wanted.room) != nullptr) {
    session.refuse("already_joined", "This connection is in that room.", wanted.ref);
    co_return;
  }
  // Noted before it is asked for, so that whoever closes meanwhile leaves what it got into.
  membership.rooms.push_back({wanted.room, wanted.name});
  const WsClientId client = session.client_id();
  const Config::Rooms limits = service.config().rooms;
  const auto joined = co_await RoomCall(service, wanted.room, [&](Rooms& rooms) {
    auto members = rooms.join(wanted.room, {client, wanted.name}, limits);
    return std::pair(std::move(members), rooms.members(wanted.room));
  });
  const auto forget = [&] {
    if (!session.open()) return;
    std::erase_if(membership_of(session).rooms,
                  [&](const RoomMembership::In& in) { return in.room == wanted.room; });
  };
  if (!joined.first) {
    forget();
    session.refuse(joined.first.error().code, joined.first.error().message, wanted.ref);
    co_return;
  }
  std::string answer = fmt::format(
      "{{\"type\":\"joined\",\"room\":\"{}\",\"client\":\"{}\",\"members\":{}{}{}}}", wanted.room,
      client_id_text(client), *joined.first, wanted.ref.empty() ? "" : ",\"ref\":", wanted.ref);
  std::string head;
  append_text_frame(head, answer);
  if (!co_await follow_room(session, wanted, std::move(head))) {
    forget();
    co_await leave_room(&service, client, wanted.room, wanted.name);
    co_return;
  }
  if (!session.open()) co_return;
  co_await tell(&service, wanted.room, "join", client_id_text(client), wanted.name, joined.second);
}

Task<void> leave(WsSession& session, const WsCommand& command) {
  const RoomMembership::In* const in = room_of(session, command);
  if (in == nullptr) co_return;
  const RoomMembership::In was = *in;
  std::erase_if(membership_of(session).rooms,
                [&](const RoomMembership::In& each) { return each.room == was.room; });
  Service& service = session.service();
  if (co_await Hub::still(session.shared_from_this())) {
    Hub& hub = service.shard().hub();
    for (const std::string_view kind : {"room.", "presence."}) {
      hub.remove_topic(*session.subscriber(), std::string(kind) + was.room);
    }
  }
  co_await leave_room(&service, session.client_id(), was.room, was.name);
  session.answer("left", fmt::format("\"room\":\"{}\"", was.room), command.ref);
}

Task<void> presence(WsSession& session, const WsCommand& command) {
  const RoomMembership::In* const in = room_of(session, command);
  if (in == nullptr) co_return;
  const std::string room = in->room;
  const std::string members = co_await RoomCall(
      session.service(), room, [&](Rooms& rooms) { return rooms.members_json(room); });
  session.answer("presence", fmt::format("\"room\":\"{}\",\"members\":{}", room, members),
                 command.ref);
}

// `"from":"w0-3-7","name":"alice","data":…`
std::string said_by(WsSession& session, const RoomMembership::In& in, std::string_view data) {
  std::string text = fmt::format("\"from\":\"{}\",\"name\":", session.id());
  append_json_string(text, in.name);
  text += ",\"data\":";
  text += data;
  return text;
}

Task<void> broadcast(WsSession& session, const WsCommand& command) {
  const RoomMembership::In* const in = room_of(session, command);
  if (in == nullptr) co_return;
  if (!command.data) {
    session.refuse("bad_command", "A broadcast has `data`.", command.ref);
    co_return;
  }
  Service& service = session.service();
  const std::string data = '{' + said_by(session, *in, command.data_json) + '}';
  const std::string topic = "room." + in->room;
  const std::string self = session.id();
  if (data.size() > service.config().limits.max_event_bytes) {
    session.refuse("event_too_large", "The data is longer than limits.max_event_bytes.",
                   command.ref);
    co_return;
  }
  const NewEvent event{.type = {},
                       .data = data,
                       .key = {},
                       .except = command.include_self.value_or(false) ? std::string_view{} : self};
  const auto number = co_await service.shard().publish(topic, event);
  if (!number) {
    session.refuse(number.error().code, number.error().message, command.ref);
    co_return;
  }
  session.answer("sent", fmt::format("\"id\":\"{}\"", service.shard().fabric().ids.text(*number)),
                 command.ref);
}

// Says something to a session on another core; false if that is not there any more.
class SayThere final : public CoreCall {
 public:
  SayThere(Service& from, Service& to, const WsClientId& client, std::string_view text)
      : CoreCall(from.reactor(), to.reactor()), to_(to), client_(client), text_(text) {}
  bool await_resume() const { return said_; }

 private:
  void serve() override {
    WsSession* const session = find_session(to_, client_);
    said_ = session != nullptr;
    if (said_) session->say(text_);
  }
  Service& to_;
  WsClientId client_;
  std::string_view text_;
  bool said_ = false;
};

Task<void> direct(WsSession& session, const WsCommand& command) {
  const RoomMembership::In* const in = room_of(session, command);
  if (in == nullptr) co_return;
  const auto to = parse_client_id(command.to);
  if (!to || !command.data) {
    session.refuse("bad_command", "A direct message has `to`, a client's id, and `data`.",
                   command.ref);
    co_return;
  }
  Service& service = session.service();
  const std::string room = in->room;
  const std::string text = fmt::format("{{\"type\":\"direct\",\"room\":\"{}\",{}}}", room,
                                       said_by(session, *in, command.data_json));
  bool there = co_await RoomCall(service, room,
                                 [&](Rooms& rooms) { return rooms.find(room, *to) != nullptr; });
  ServerState& state = service.state();
  if (there && to->core < state.services.size()) {
    there = co_await SayThere(service, *state.services[to->core], *to, text);
  }
  if (there) {
    session.answer("sent", {}, command.ref);
  } else {
    session.refuse("not_in_room", "Nobody of that id is in the room.", command.ref);
  }
}

}  // namespace

void join_room_of_request(WsSession& session, const RequestHead& head) {
  std::string members;
  bool any = false;
  std::string scratch(head.query.size() + 1, '\0');
  Query query(head.query, scratch);
  while (query.next()) {
    const bool id = query.key() == "last_event_id" || query.key() == "lastEventId";
    const std::string_view key = id ? "last_event_id" : query.key();
    if (!id && key != "room" && key != "name") continue;
    any |= key == "room";
    members += fmt::format(",\"{}\":", key);
    append_json_string(members, query.value());
  }
  if (any) session.command("{\"type\":\"join\"" + members + '}');
}

Task<void> obey_room_command(WsSession& session, const WsCommand& command, bool& known) {
  known = true;
  if (command.name == "join") {
    co_await join(session.shared_from_this(), {.room = std::string(command.room),
                                               .name = std::string(command.member_name),
                                               .last_id = std::string(command.last_event_id),
                                               .ref = std::string(command.ref)});
  } else if (command.name == "leave") {
    co_await leave(session, command);
  } else if (command.name == "presence") {
    co_await presence(session, command);
  } else if (command.name == "broadcast") {
    co_await broadcast(session, command);
  } else if (command.name == "direct") {
    co_await direct(session, command);
  } else {
    known = false;
  }
}

}  // namespace ringcast
