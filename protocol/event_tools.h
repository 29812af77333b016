// Topics for AI clients: the tools built into the server, and topics as resources of MCP,
// `events://TOPIC`, which can be followed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/scope.h"
#include "protocol/mcp/mcp_server.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/server_state.h"

namespace ringcast {

// list_topics, read_history, publish_event, wait_for_event, get_pipeline_status,
// get_handover_content, execute_agent.
void add_event_tools(McpServer& server, ServerState& state);

// `events://TOPIC` on one core. Whoever subscribes is told when the topic moves.
class TopicResources final : public McpSource {
 public:
  explicit TopicResources(Service& service);
  ~TopicResources() override;

  std::span<const std::string> templates() const override { return {&template_, 1}; }
  Task<bool> read_resource(McpCall& call) override;
  // Any topic that could be: it may be followed before anything is published to it.
  bool has_resource(std::string_view uri) const override;
  bool allows(const Principal* who, std::string_view uri) const override;
  Task<bool> complete_template(const McpCompletionRequest& request, McpSuggestions& found) override;
  void subscribed(std::string_view uri, bool on) override;

  // Follows nothing any more; awaited before the core ends.
  Task<void> end();

 private:
  struct Followed;
  void begin(std::string_view uri, unsigned count);
  static Task<void> follow(Followed* followed);

  Service& service_;
  std::string template_;
  std::unordered_map<std::string, std::unique_ptr<Followed>> followed_;
  Scope following_;
  bool ended_ = false;
};

}  // namespace ringcast
