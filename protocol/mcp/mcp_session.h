// A client that keeps its state with us: a session of the revisions up to 2025-11-25, or the
// connection of a WebSocket or of standard input, whichever revision it speaks.
//
// A session lives on one core, its home; its id says which. Requests that arrive elsewhere are
// served there (protocol/mcp/mcp_http.cc). What it is sent goes through streams: number 0 carries
// what belongs to no request, or everything where there is only one channel; over Streamable HTTP
// each request whose answer is a stream has one of its own, and they are kept for a while so that
// the client can resume.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/client_places.h"
#include "core/list.h"
#include "core/timer_wheel.h"
#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_stream.h"

namespace ringcast {

class McpEndpoint;

// Whose a session is.
struct McpOwner {
  std::string principal;        // what belongs to one is not there for another; see principal_of()
  PrincipalPtr who;             // null: everybody may do everything
  ClientPlaces::Place place{};  // its client's; given back when the session ends
};

class McpSession : Timer {
 public:
  enum class Kind : std::uint8_t {
    streamable,    // Streamable HTTP
    event_stream,  // HTTP with an event stream (2024-11-05)
    connection,    // WebSocket, standard input and output
  };

  McpSession(McpEndpoint& home, Kind kind, std::string id, McpOwner owner);
  McpSession(const McpSession&) = delete;
  McpSession& operator=(const McpSession&) = delete;
  ~McpSession();

  const std::string& id() const { return id_; }
  Kind kind() const { return kind_; }
  const std::string& principal() const { return principal_; }
  bool initialized() const { return initialized_; }
  McpRevision revision() const { return revision_; }

  // What `initialize` agreed on.
  void initialize(McpRevision revision, const McpCapabilities& client);
  void set_log_level(McpLogLevel level) { log_level_ = level; }

  // Makes a request that was read one of this session's. An error if it cannot be taken.
  std::optional<RpcError> adopt(McpCall& call);
  void release(McpCall& call);
  // A notification or a response of the client's.
  void take_notification(const RpcMessage& message);
  void take_response(const RpcMessage& message);
  void cancel_calls();
  // Ends its streams; its calls are cancelled.
  void close();
  bool busy() const { return running_ > 0; }

  McpStream& main() { return *main_; }
  McpStream& open_stream();
  McpStream* find_stream(std::uint32_t id);

  // A request to the client: its id, as text. The answer goes to `asking`.
  class Asking;
  std::string next_ask_id() { return std::to_string(++last_ask_); }
  void expect(Asking& asking);

  bool subscribe(std::string_view uri);  // false: too many
  void unsubscribe(std::string_view uri);
  bool subscribed(std::string_view uri) const;

  // It goes on under what was brought with this request.
  void pass_to(const PrincipalPtr& who) { held_.pass_to(who); }
  // It was used: the time after which it expires begins again.
  void touch();

 private:
  struct AskingHook : ListHook {};
  // It ends with its owner's access, though not with a token: a client may bring a newer one.
  class Held final : public Standing {
   public:
    explicit Held(McpSession& session);

   private:
    void over(StandingEnd why) override;
    bool covered() override;
    McpSession& session_;
  };
  static void expire(Timer& timer);
  void prune_streams();

  McpEndpoint& home_;
  Kind kind_;
  bool initialized_ = false;
  McpRevision revision_ = kNewestWithSessions;
  McpCapabilities client_;
  McpLogLevel log_level_ = McpLogLevel::info;
  std::uint32_t running_ = 0;
  std::uint32_t last_stream_ = 0;
  std::uint64_t last_ask_ = 0;
  std::int64_t used_ns_;
  std::string id_;
  std::string principal_;
  ClientPlaces::Place place_;
  Held held_{*this};
  std::unique_ptr<McpStream> main_;
  std::vector<std::unique_ptr<McpStream>> streams_;
  List<McpCall, McpRunning> calls_;
  List<Asking, AskingHook> asking_;
  std::vector<std::string> subscriptions_;
};

// A handler that waits for what the client was asked.
class McpSession::Asking : AskingHook, Cancellable, Timer {
 public:
  Asking(McpSession& session, Scope& scope, std::string id, std::int64_t until_ns)
      : Cancellable(stop),
        Timer(expire),
        session_(session),
        scope_(scope),
        id_(std::move(id)),
        until_ns_(until_ns) {}

  bool await_ready() const { return scope_.cancelled(); }
  void await_suspend(std::coroutine_handle<> handle);
  McpAnswer await_resume() { return std::move(answer_); }

 private:
  friend class McpSession;
  friend class List<Asking, AskingHook>;
  static void stop(Cancellable& waiting);
  static void expire(Timer& timer);
  void settle(McpAnswer answer);

  McpSession& session_;
  Scope& scope_;
  std::string id_;
  std::int64_t until_ns_;
  std::coroutine_handle<> handle_;
  McpAnswer answer_{McpAnswer::State::ended};
};

}  // namespace ringcast
