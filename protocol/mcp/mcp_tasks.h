// Tasks: calls whose result the client asks for later. Extension io.modelcontextprotocol/tasks of
// 2026-07-28 (SEP-2663), and the experimental tasks of 2025-11-25.
//
// A task lives on the core where its call came in; its id says which. It keeps its call until the
// handler has returned, then the result, until its time is over. One core only; the methods reach
// tasks of other cores by message.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/list.h"
#include "core/timer_wheel.h"
#include "protocol/mcp/mcp_call.h"

namespace ringcast {

class McpTask : Timer {
 public:
  enum class Status : std::uint8_t { working, input_required, completed, failed, cancelled };

  McpTask(McpEndpoint& home, McpCall& call, std::string id, std::uint64_t ttl_ms);
  ~McpTask();

  const std::string& id() const { return id_; }
  Status status() const { return status_; }
  bool ended() const { return status_ >= Status::completed; }

  // Asks the client: waits until it has answered this key. `request` is what a request to the
  // client says, without `jsonrpc` and `id`.
  Task<McpAnswer> ask(std::string_view key, std::string_view request);

 private:
  friend class McpTasks;
  struct Question;
  class Answer;
  struct QuestionHook : ListHook {};
  struct ResultHook : ListHook {};
  class Moved;

  Task<McpAnswer> ask_session(std::string_view request);
  void pose(Question& question);
  void settled(Question& question);
  void set(Status status);
  void wake();
  void tell();
  void finish(McpCall& call);
  static void expire(Timer& timer);
  // The members of a task's description.
  std::string json(bool stateless) const;
  // And what goes with its status (2026-07-28).
  std::string detailed();

  McpEndpoint& home_;
  McpCall* call_;  // until its handler has returned
  std::string id_;
  std::string principal_;
  std::string session_;  // whose it is (2025-11-25)
  std::uint64_t ttl_ms_;
  std::int64_t created_ms_;
  std::int64_t updated_ms_;
  Status status_ = Status::working;
  bool stateless_;
  std::string result_;  // members of the result
  std::optional<RpcError> error_;
  List<Question, QuestionHook> questions_;
  std::uint32_t questions_posed_ = 0;
  List<Moved, ResultHook> waiting_;
};

class McpTasks {
 public:
  explicit McpTasks(McpEndpoint& endpoint);
  ~McpTasks();

  // The client asked for a task (2025-11-25): the call becomes one. True if that was refused.
  static Task<bool> take_over(McpCall& call, const McpServer::Tool& tool);
  // Makes the call a task and answers with it; false if there is no room.
  bool make(McpCall& call, std::uint64_t ttl_ms);
  void call_ended(McpCall& call);
  void cancel_all();

  static Task<void> get(McpCall& call);
  static Task<void> update(McpCall& call);
  static Task<void> cancel(McpCall& call);
  static Task<void> result(McpCall& call);
  static Task<void> list(McpCall& call);
  // What tasks/get says of a task, if there is one and it is the caller's (2026-07-28).
  static Task<std::optional<std::string>> look(McpCall& call, std::string_view id);

 private:
  friend class McpTask;
  struct Request;
  struct Reply;
  using Serve = Task<Reply> (*)(McpTasks*, const Request*);

  static Request request_of(McpCall& call, std::string_view id);
  static Task<void> at_home(McpCall& call, Serve serve);
  static Task<Reply> get_here(McpTasks* self, const Request* request);
  static Task<Reply> update_here(McpTasks* self, const Request* request);
  static Task<Reply> cancel_here(McpTasks* self, const Request* request);
  static Task<Reply> result_here(McpTasks* self, const Request* request);
  McpTask* find(const Request& request);
  void forget(McpTask& task);

  McpEndpoint& endpoint_;
  std::unordered_map<std::string_view, std::unique_ptr<McpTask>> tasks_;
  std::vector<McpTask*> order_;  // as they were made
};

}  // namespace ringcast
