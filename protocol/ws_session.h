// A WebSocket client: what it says, and what it is told beside the events of its topics.
//
// The hub owns the subscriber and its socket; the session is its input, shared with the coroutine
// that obeys its commands, one after the other. While a command waits for another core nothing more
// is received: the backlog of a client that asks faster than it is answered stays in its own
// socket. Idle, a session holds no buffer: what it needs to read and obey is on loan from its core.
//
// One core only.
#pragma once

#include <array>
#include <coroutine>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/hub.h"
#include "net/buffer.h"
#include "net/receive_pace.h"
#include "net/websocket_reader.h"
#include "protocol/service.h"
#include "protocol/ws_command.h"

namespace ringcast {

// What a client came for; it decides which commands there are.
enum class WsRoute : std::uint8_t { stream, agent, rooms, admin };

// What a session holds while it reads and obeys.
class WsWork {
 public:
  // What a message inflates to at a time: 10 to 30 µs of the core.
  static constexpr std::uint64_t kSliceBytes = 16 << 10;

  explicit WsWork(bool inflates) : inflater_(false, kSliceBytes), inflates_(inflates) {}

  void begin(const WsLimits& limits);
  void end();  // nothing is held any more
  WebSocketReader& reader() { return *reader_; }
  WsCommandParser& parser() { return parser_; }
  MessagePace& pace() { return pace_; }
  bool inflates() const { return inflates_; }

  void add(std::string_view command);
  // The next command, followed by 64 readable bytes; good until the next call. False: there is
  // none.
  bool next(std::string_view& command);
  bool has_commands() const { return at_ < commands_.size() || !arrived_.empty(); }

 private:
  Inflater inflater_;
  bool inflates_;
  std::optional<WebSocketReader> reader_;
  WsCommandParser parser_;
  MessagePace pace_;
  Buffer commands_;  // being obeyed: length and text, one after the other
  std::size_t at_ = 0;
  Buffer arrived_;  // behind them; a buffer of its own, since growing moves it
};

// Of a core: what sessions have on loan, and what they share.
class WsPool {
 public:
  std::unique_ptr<WsWork> borrow(bool inflates);
  void give_back(std::unique_ptr<WsWork> work);

  // Large messages are inflated one after the other, in the order they came: what they grow to
  // would add up. Whoever was let through says when it is done.
  auto inflate_alone() {
    struct Awaiter {
      WsPool& pool;
      bool await_ready() const { return !std::exchange(pool.inflates_, true); }
      void await_suspend(std::coroutine_handle<> handle) const { pool.line_.push_back(handle); }
      void await_resume() const {}
    };
    return Awaiter{*this};
  }
  void inflated(Reactor& reactor);

 private:
  std::vector<std::unique_ptr<WsWork>> spare_;
  std::deque<std::coroutine_handle<>> line_;  // who waits to inflate
  bool inflates_ = false;                     // somebody does
};

// `w0-3-7` in parts.
struct WsClientId {
  unsigned core;
  std::uint32_t slot;
  std::uint32_t serial;
  bool operator==(const WsClientId&) const = default;
};

class WsSession final : public SubscriberInput, public std::enable_shared_from_this<WsSession> {
 public:
  // What it belongs to beyond its topics; goes with it.
  class Membership {
   public:
    virtual ~Membership() = default;
    virtual void closed(WsSession& session) = 0;
    virtual bool covered(const Principal& who) const = 0;
  };

  struct Client {
    WsRoute route = WsRoute::stream;
    std::string_view name;  // of the path: a client's, a session's; empty if it has none
    ClientAddress address;
    bool deflates = false;
    PrincipalPtr who;  // what it may; not null
  };

  WsSession(Service& service, const Client& client);
  ~WsSession() override;

  // What came in behind the request's head.
  void take(std::span<char> bytes);
  // As if the client had said it.
  void command(std::string_view json);

  Service& service() { return service_; }
  WsRoute route() const { return route_; }
  const Principal& who() const { return *who_; }
  const PrincipalPtr& principal() const { return who_; }
  // From now on it has these grants.
  void pass_to(PrincipalPtr who) { who_ = std::move(who); }
  // Whether they cover what it came for, and what it follows.
  bool covered() const;
  // False if that was refused.
  bool may(Action action, std::string_view what, std::string_view ref);
  std::string_view name() const { return name_ ? std::string_view(*name_) : std::string_view{}; }
  ClientAddress address() const { return {.bytes = address_, .elsewhere = elsewhere_}; }
  std::string id() const;  // "w0-3-7": names it on all cores
  std::uint32_t slot() const { return slot_; }
  std::uint32_t serial() const { return serial_; }
  bool open() const { return subscriber() != nullptr; }

  // A message of one JSON object. Nothing happens once it has closed.
  void say(std::string_view json);
  // `{"type":TYPE,MEMBERS,"ref":REF}`; members are JSON text, or empty.
  void answer(std::string_view type, std::string_view members, std::string_view ref);
  void refuse(std::string_view code, std::string_view message, std::string_view ref);
  void end(std::uint16_t code, std::string_view reason, CloseReason why);

  WsClientId client_id() const { return {service_.reactor().core(), slot_, serial_}; }

  // Commands that its worker has not answered yet.
  std::uint32_t waiting() const { return waiting_; }
  void asked_worker() { ++waiting_; }
  void answered_by_worker() { waiting_ -= waiting_ > 0 ? 1 : 0; }

  std::unique_ptr<Membership> membership;

 protected:
  void joining(const Subscriber& subscriber, std::string& head) override;
  bool received(std::span<char> bytes) override;
  void said() override;
  void closed(CloseReason reason) override;

 private:
  bool hear(const WsMessage& message);
  WsWork& work();
  void obey_all();
  static Task<void> run(std::shared_ptr<WsSession> self);
  void hear_all();
  static Task<void> inflate_on(std::shared_ptr<WsSession> self);
  Task<void> obey(std::string_view text);
  void refuse_rate(std::uint64_t wait_ms, std::string_view ref);
  bool barred() const;
  bool backlogged() const;
  void keep_pace(std::size_t bytes);
  void settle();
  void send_frame(WsOpcode opcode, std::string_view payload);

  Service& service_;
  PrincipalPtr who_;
  std::unique_ptr<std::string> name_;
  std::unique_ptr<WsWork> work_;
  std::array<std::uint8_t, 16> address_;  // the client's
  std::uint32_t slot_ = 0;                // of the subscriber
  std::uint32_t serial_ = 0;
  std::uint32_t waiting_ = 0;
  WsRoute route_;
  bool deflates_ : 1;
  bool elsewhere_ : 1;          // the client's address is not one of ours, whatever it says
  bool running_ : 1 = false;    // a coroutine obeys
  bool stopped_ : 1 = false;    // nothing is received until what is here is done
  bool pacing_ : 1 = false;     // nor before its time (limits.receive_bytes_per_s)
  bool inflating_ : 1 = false;  // nor while a message is inflated
  bool ended_ : 1 = false;      // what still comes in does not count
};

static_assert(sizeof(WsSession) <= 112);  // there are very many

std::optional<WsClientId> parse_client_id(std::string_view text);
std::string client_id_text(const WsClientId& id);

// The session of that name, on its core; null if it has gone.
WsSession* find_session(Service& service, const WsClientId& id);

// The commands, by route. Each answers by itself.
Task<void> obey_stream_command(WsSession& session, const WsCommand& command, bool& known);
Task<void> obey_agent_action(WsSession& session, const WsCommand& command);
Task<void> obey_room_command(WsSession& session, const WsCommand& command, bool& known);
Task<void> obey_admin_command(WsSession& session, const WsCommand& command, bool& known);

}  // namespace ringcast
