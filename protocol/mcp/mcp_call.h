// A request of an MCP client while it is being served, as a handler sees it.
//
//   Task<void> count(McpCall& call) {
//     for (int i = 0; i < 10 && co_await call.sleep(100ms); ++i) co_await call.progress(i, 10);
//     call.text("counted");
//   }
//
// What a handler adds becomes the result: content of a tool, messages of a prompt, contents of a
// resource. Without anything the result is empty; fail() and refuse() say that there is none.
//
// Asking the client (elicit, sample, roots) works in every revision: where the client is asked over
// an open stream the handler waits; where requests are stateless (2026-07-28) the answer is not
// there the first time, the handler returns, and is run again from its beginning with the answers.
// So do nothing before asking that must not be done twice:
//
//   const McpAnswer name = co_await call.elicit("name", "What is your name?", kSchema);
//   if (!name) co_return;   // asked, or not to be had; whichever, the client is told
//
// When the client goes away or cancels, the call's scope is cancelled: sleeping and asking end at
// once. One core only. Views are good until the handler returns.
#pragma once

#include <simdjson.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/list.h"
#include "core/scope.h"
#include "core/task.h"
#include "protocol/auth/standing.h"
#include "protocol/mcp/mcp_revision.h"
#include "protocol/mcp/mcp_server.h"
#include "protocol/mcp/mcp_stream.h"
#include "protocol/mcp/rpc_message.h"

namespace ringcast {

class McpEndpoint;
class McpSession;
class McpTask;
struct McpListener;

// RFC 5424's severities, as MCP names them.
enum class McpLogLevel : std::uint8_t {
  debug,
  info,
  notice,
  warning,
  error,
  critical,
  alert,
  emergency,
  off
};
std::optional<McpLogLevel> find_log_level(std::string_view name);

// What a client can be asked for.
struct McpCapabilities {
  bool sampling = false;
  bool elicitation = false;  // by a form
  bool url_elicitation = false;
  bool roots = false;
  bool tasks = false;  // the extension
  // By the names that McpTool::needs has.
  bool has(std::string_view name) const;
};
McpCapabilities read_capabilities(simdjson::dom::object object);

// What the client answered.
class McpAnswer {
 public:
  enum class State : std::uint8_t {
    answered,
    pending,      // it is being asked: return, the handler is run again
    refused,      // it answered with an error
    unsupported,  // it cannot be asked for this
    ended,        // the call was cancelled, or the client took too long
  };

  explicit McpAnswer(State state) : state_(state) {}
  explicit McpAnswer(std::string json);  // answered

  explicit operator bool() const { return state_ == State::answered; }
  State state() const { return state_; }
  const std::string& json() const { return json_; }
  simdjson::dom::element value() const { return value_; }
  // Of an elicitation: `accept`, `decline` or `cancel`, and a member of what was filled in.
  std::string_view action() const;
  simdjson::simdjson_result<simdjson::dom::element> content(std::string_view name) const;

 private:
  State state_;
  std::string json_;
  std::shared_ptr<simdjson::dom::parser> parser_;
  simdjson::dom::element value_;
};

// Who waits for the outcome of a call.
class McpCallOwner {
 public:
  // Either its reply is whole, or its stream has begun.
  virtual void call_moved() = 0;

 protected:
  ~McpCallOwner() = default;
};

// Membership in the list of what runs.
struct McpRunning : ListHook {};

class McpCall : McpRunning {
 public:
  explicit McpCall(McpEndpoint& endpoint);
  McpCall(const McpCall&) = delete;
  McpCall& operator=(const McpCall&) = delete;
  ~McpCall();

  // --- what was asked ---

  std::string_view method() const { return method_; }
  // The tool's or prompt's name, the resource's URI.
  std::string_view name() const { return name_; }
  simdjson::dom::object arguments() const { return arguments_; }
  bool has(std::string_view argument) const;
  // An argument; the default where it is missing or of another type.
  std::string_view string(std::string_view argument, std::string_view otherwise = {}) const;
  std::int64_t integer(std::string_view argument, std::int64_t otherwise = 0) const;
  double number(std::string_view argument, double otherwise = 0) const;
  bool flag(std::string_view argument, bool otherwise = false) const;
  // Of a resource that came by a template: a variable of it.
  std::optional<std::string> variable(std::string_view name) const;
  // All of them; null if there are none.
  const simdjson::dom::object* parameters() const {
    return message_.has_params ? &message_.params : nullptr;
  }
  // `_meta` of the request; null if there is none.
  const simdjson::dom::object* meta() const { return meta_ ? &*meta_ : nullptr; }
  McpRevision revision() const { return revision_; }
  const McpCapabilities& client() const { return client_; }
  // Who asks, as they are now; null: everybody may do everything.
  const Principal* who() const { return (held_.who() ? held_.who() : who_).get(); }
  // Whether its client may do that; where nobody has to bring anything everybody may.
  bool may(Action action, std::string_view what) const {
    return who() == nullptr || who()->grants.allows(action, what);
  }

  // --- the result ---

  void text(std::string_view text);
  void image(std::string_view base64, std::string_view mime_type);
  void audio(std::string_view base64, std::string_view mime_type);
  void embed_text(std::string_view uri, std::string_view mime_type, std::string_view text);
  void embed_blob(std::string_view uri, std::string_view mime_type, std::string_view base64);
  void link(std::string_view uri, std::string_view name, std::string_view mime_type = {});
  // Any other content, as JSON.
  void content(std::string_view json);
  // A tool's structured result, a JSON object; text content says the same unless there is other.
  void structured(std::string_view json);
  // Of a prompt: what follows is said by `assistant`; the default is `user`.
  void role(std::string_view role) { role_ = role; }
  void description(std::string_view text) { description_ = text; }
  // The tool has failed; the message is for the model.
  void fail(std::string_view message);
  // The request itself is refused, with an error of JSON-RPC.
  void refuse(int code, std::string message, std::string data = {});
  // What it brings does not grant that; the error's data says which scope would.
  void forbid(Action action, std::string_view what);

  // --- meanwhile ---

  // Tells how far it is, if the client wants to know; waits while the client does not keep up.
  // False: cancelled.
  Task<bool> progress(double done, std::optional<double> total = {}, std::string_view message = {});
  // `data` is JSON. Sent if the client asked for this level.
  void log(McpLogLevel level, std::string_view logger, std::string_view data);
  Task<bool> sleep(std::chrono::nanoseconds time);
  bool cancelled() const { return scope_->cancelled(); }
  Scope& scope() { return *scope_; }
  McpEndpoint& endpoint() { return endpoint_; }
  const McpServer& server() const;
  // The tool that the call names; null if there is none.
  const McpServer::Tool* tool() const { return tool_; }

  // `key` tells apart what one call asks. Schemas and parameters are JSON.
  Task<McpAnswer> elicit(std::string_view key, std::string_view message, std::string_view schema);
  Task<McpAnswer> elicit_url(std::string_view key, std::string_view message, std::string_view url,
                             std::string_view elicitation_id);
  Task<McpAnswer> sample(std::string_view key, std::string_view params);
  Task<McpAnswer> roots(std::string_view key);
  // Goes on as a task: the client gets the task at once, and asks for the result later. Nothing
  // happens if the client does not do tasks, or if it is one already. The call is refused and
  // cancelled if there are as many tasks as may be (McpOptions::max_tasks).
  void become_task();
  // A text that comes back with the answers, unread and unchanged by the client (2026-07-28).
  void keep(std::string_view state) { kept_ = state; }
  std::string_view kept() const { return kept_before_; }
  // Makes the client come again for the result: ends the response's stream, which goes on where the
  // client resumes it (revisions with sessions; otherwise nothing happens).
  void let_client_poll(std::int64_t retry_ms);

  // --- for transports ---

  const RpcMessage& message() const { return message_; }
  std::string_view id() const { return id_; }
  std::expected<std::vector<std::string_view>, RpcError> split_batch(std::string_view text,
                                                                     std::size_t most) {
    return parser_.split_batch(text, most);
  }
  void set_principal(std::string principal) { principal_ = std::move(principal); }
  void set_who(PrincipalPtr who) { who_ = std::move(who); }
  // Where all of its messages go, the response among them or, `notices_only`, not.
  void send_to(McpStream& stream, bool notices_only = false) {
    stream_ = &stream;
    notices_only_ = notices_only;
  }
  // Nothing is said meanwhile: the client takes no stream.
  void mute() { muted_ = true; }
  bool done() const { return done_; }
  bool has_stream() const { return stream_ != nullptr && !notices_only_; }
  // The stream that its messages go to; over HTTP it is made when the first is there.
  McpStream& stream();
  const std::optional<RpcError>& refusal() const { return refusal_; }
  std::string_view reply() const { return reply_; }
  std::string take_reply() { return std::move(reply_); }

 private:
  friend class McpEndpoint;
  friend class McpSession;
  friend class McpMethods;
  friend class McpTask;
  friend class McpTasks;
  friend class List<McpCall, McpRunning>;

  // It lasts as long as what was brought for it.
  class Held final : public Standing {
   public:
    explicit Held(McpCall& call) : call_(call) {}
    // Why it had to end, if it had to.
    std::optional<StandingEnd> ended() const { return ended_; }
    void forget() { ended_.reset(); }

   private:
    void over(StandingEnd why) override;
    bool covered() override { return call_.still_granted(); }
    McpCall& call_;
    std::optional<StandingEnd> ended_;
  };
  bool still_granted() const;
  void refuse_ended(StandingEnd why);

  void begin_item();
  void begin_embedded(std::string_view uri, std::string_view mime_type);
  void end_item();
  void notify(std::string_view json);
  Task<McpAnswer> ask(std::string_view key, std::string_view method, std::string_view params,
                      bool supported);
  std::optional<McpAnswer> answer_at_hand(std::string_view key);
  void write_input_required();
  void write_filled();
  void explain_silence();
  void write_members();
  void write_result();
  // What makes a request the same when it is asked again.
  std::string identity() const;
  void reset();

  McpEndpoint& endpoint_;
  RpcParser parser_;
  RpcMessage message_;
  std::string id_;  // as written
  std::string method_;
  std::string name_;
  McpRevision revision_ = kNewestWithSessions;
  McpCapabilities client_;
  McpLogLevel log_level_ = McpLogLevel::off;
  simdjson::dom::object arguments_{};
  bool has_arguments_ = false;
  std::optional<simdjson::dom::object> meta_;
  std::string progress_token_;  // as written; empty: it does not want to know
  std::string_view template_;
  std::string principal_;
  PrincipalPtr who_;
  Held held_{*this};
  const McpListener* listener_ = nullptr;  // while it follows changes

  const McpServer::Tool* tool_ = nullptr;  // that tools/call names, once it was looked for
  McpSession* session_ = nullptr;
  McpCallOwner* owner_ = nullptr;
  McpTask* task_ = nullptr;
  std::optional<Scope> scope_;
  McpStream* stream_ = nullptr;
  std::unique_ptr<McpStream> own_stream_;
  bool done_ = false;  // the reply is whole
  bool started_ = false;
  bool handler_ended_ = false;
  bool early_ = false;         // it was answered before its handler returned
  bool given_ = false;         // nobody needs it but its handler
  bool notices_only_ = false;  // the response does not go to the stream
  bool muted_ = false;
  bool counted_ = false;        // among those of no session
  bool unwanted_ = false;       // the client cancelled it: no response
  bool closes_stream_ = false;  // when it is done

  std::string items_;
  std::string structured_;
  std::string description_;
  std::string_view role_ = "user";
  bool in_prompt_ = false;
  bool is_error_ = false;
  std::optional<RpcError> refusal_;
  std::string body_;    // of the result, if a method wrote it as a whole
  std::string output_;  // the response, while it is written
  std::string reply_;   // and when it is whole
  std::string notice_;  // the notification that is being written

  // Of a stateless request: what is asked now, and what was answered.
  std::string asked_;     // members of inputRequests
  std::string answered_;  // members of earlier rounds
  std::optional<simdjson::dom::object> answers_;
  std::optional<simdjson::dom::parser> state_parser_;
  std::optional<simdjson::dom::object> earlier_;
  std::string kept_;
  std::string kept_before_;
  std::string_view lacking_;  // a capability without which the client could not be asked
  bool unanswered_ = false;   // the client was asked, in vain
};

}  // namespace ringcast
