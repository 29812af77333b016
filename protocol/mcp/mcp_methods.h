// The methods of MCP: which there are in which revision, and what each answers.
#pragma once

#include <string_view>

#include "core/task.h"
#include "protocol/mcp/mcp_call.h"

namespace ringcast {

struct McpListener;

class McpMethods {
 public:
  // Serves a call up to its result, or to its refusal.
  static Task<void> serve(McpCall& call);
  // Whether the call's revision has a method of this name.
  static bool knows(McpRevision revision, std::string_view method);
  // What a request lacks before it can be served: the method, a capability of the client. The
  // status is what HTTP answers in the stateless revisions.
  static std::optional<RpcError> check(const McpCall& call);
  // What is wrong with an `initialize`.
  static std::optional<RpcError> check_initialize(const McpCall& call);

 private:
  friend class McpTask;
  using Serve = Task<void> (*)(McpCall&);
  struct Method;
  static const Method* find(McpRevision revision, std::string_view name);

  static Task<void> initialize(McpCall& call);
  static Task<void> discover(McpCall& call);
  static Task<void> ping(McpCall& call);
  static Task<void> set_level(McpCall& call);
  static Task<void> list_tools(McpCall& call);
  static Task<void> call_tool(McpCall& call);
  static Task<void> list_prompts(McpCall& call);
  static Task<void> get_prompt(McpCall& call);
  static Task<void> list_resources(McpCall& call);
  static Task<void> list_templates(McpCall& call);
  static Task<void> read_resource(McpCall& call);
  static Task<void> subscribe(McpCall& call);
  static Task<void> unsubscribe(McpCall& call);
  static Task<void> complete(McpCall& call);
  static Task<void> listen(McpCall& call);
  static Task<void> tell_tasks(McpCall& call, const McpListener& listener);

  static RpcError lacking_tasks();
  // A tool's handler on arguments that fit its schema.
  static Task<void> run_tool(McpCall& call, const McpServer::Tool& tool);
  // Reads inputResponses and requestState; false if the state is none of ours for this request.
  static bool read_answers(McpCall& call);
};

}  // namespace ringcast
