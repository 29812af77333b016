// The MCP endpoint of one core: its sessions, its calls, its listeners.
//
// One core only, except announce(), which tells every core. A call is taken from a pool, read,
// started, and given back when its outcome has been delivered; nothing is allocated for one once
// the core is warm, except what its handler asks for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/admission.h"
#include "core/reactor.h"
#include "core/result.h"
#include "net/http_exchange.h"
#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_host.h"
#include "protocol/mcp/mcp_options.h"
#include "protocol/mcp/mcp_session.h"

namespace ringcast {

class HttpExchange;

// What may change, so that clients look again.
enum class McpChange : std::uint8_t { tools, prompts, resources, resource, task };

class McpSource;
class McpTasks;

// A stream of change notices that a stateless client opened (subscriptions/listen).
struct McpListener : ListHook {
  McpStream* stream = nullptr;
  std::string_view id;  // of the request, as written
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> uris;
  std::vector<std::string> task_ids;

  // `name`: the resource's URI, the task's id.
  bool wants(McpChange change, std::string_view name) const;
};

class McpEndpoint {
 public:
  McpEndpoint(Reactor& reactor, McpShared& shared, Admission& admission);
  ~McpEndpoint();
  McpEndpoint(const McpEndpoint&) = delete;
  McpEndpoint& operator=(const McpEndpoint&) = delete;

  Reactor& reactor() { return reactor_; }
  const McpServer& server() const { return shared_.server; }
  const McpOptions& options() const { return shared_.options; }
  // Before anything is served; null: everybody may do everything.
  void set_host(McpHost* host) { host_ = host; }
  McpHost* host() const { return host_; }
  Standings* standings() const { return host_ == nullptr ? nullptr : &host_->standings(); }
  McpShared& shared() { return shared_; }
  McpTasks& tasks() { return *tasks_; }
  Admission& admission() { return admission_; }
  std::int64_t session_timeout_ns() const;
  McpCounters counters;

  // --- calls ---

  McpCall& take_call();
  void give_call(McpCall& call);
  // Reads a message; nothing if it was understood. What it says is in `call.message()`.
  std::optional<RpcError> read(McpCall& call, std::string_view text);
  // Reads what a stateless request says about itself. The refusal's status is HTTP's.
  struct Refusal {
    int status;
    RpcError error;
  };
  std::optional<Refusal> read_envelope(McpCall& call);
  // True if the message is one of the stateless revisions: its `_meta` says so.
  static bool is_stateless_message(const RpcMessage& message);
  // Runs it. Whoever is `owner` is told the outcome and gives the call back; without an owner the
  // outcome goes to the call's stream, and the call back to the pool.
  void start(McpCall& call, McpCallOwner* owner);
  // Whether one more request of no session may run.
  bool takes_loose_calls() const { return loose_running_ < options().max_calls; }
  // Answers with these members although the handler goes on: the call is a task's from now on.
  void answer_early(McpCall& call, std::string_view members);
  // The owner goes, the call does not: its outcome goes to its stream, if it has one.
  void abandon(McpCall& call);

  // --- sessions ---

  Result<McpSession*> open_session(McpSession::Kind kind, McpOwner owner);
  McpSession* find_session(std::string_view id);
  // Cancels what runs; gone when the last of it has ended.
  void end_session(McpSession& session);
  void expire_session(McpSession& session);
  std::size_t sessions() const { return sessions_.size(); }
  // The endpoint that is home to a session of that id; null if the id is none of ours.
  McpEndpoint* home_of(std::string_view session_id);

  // --- what changes ---

  // Before anything is served; it must outlive the endpoint's use.
  void add_source(McpSource& source) { sources_.push_back(&source); }
  const std::vector<McpSource*>& sources() const { return sources_; }
  bool allows(const Principal* who, std::string_view uri) const;
  void subscribed(std::string_view uri, bool on);

  // Tells every client that wants to know, on every core.
  void announce(McpChange change, std::string_view uri = {}, std::string_view task = {});
  // The clients of this core.
  void announce_here(McpChange change, std::string_view uri = {}, std::string_view task = {});
  bool add_listener(McpListener& listener);  // false: too many
  void remove_listener(McpListener& listener);

  // --- the end ---

  void drain();
  bool draining() const { return draining_; }
  bool finished() const { return running_ == 0 && streams_open_ == 0; }
  void abort();
  Scope& streams() { return streams_; }  // of streams whose sockets were taken over
  void stream_opened() { ++streams_open_; }
  void stream_closed() { --streams_open_; }

  // Strings that are used again.
  std::string take_text();
  void give_text(std::string text);

 private:
  friend class McpMethods;
  static Task<void> run(McpCall* call);
  void deliver(McpCall& call);
  void send_reply(McpCall& call);
  void leave_lists(McpCall& call);
  void sweep_ended();

  Reactor& reactor_;
  McpShared& shared_;
  Admission& admission_;
  McpHost* host_ = nullptr;
  std::unique_ptr<McpTasks> tasks_;
  std::vector<std::unique_ptr<McpCall>> calls_;  // all there are
  std::vector<McpCall*> free_;
  List<McpCall, McpRunning> loose_;  // running, of no session
  std::size_t running_ = 0;
  std::size_t loose_running_ = 0;  // of those, without the listeners
  std::size_t streams_open_ = 0;
  std::size_t listening_ = 0;
  bool draining_ = false;
  Scope streams_;
  std::unordered_map<std::string_view, std::unique_ptr<McpSession>> sessions_;
  std::vector<std::unique_ptr<McpSession>> ended_;  // that still run something
  List<McpListener> listeners_;
  std::vector<McpSource*> sources_;
  std::vector<std::string> texts_;
};

}  // namespace ringcast
