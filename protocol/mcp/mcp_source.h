// What an MCP server offers that changes while it runs: prompts and documents of a directory,
// topics. A source belongs to one core and is asked there; when what it has changes, it tells the
// clients by McpEndpoint::announce(), or announce_here() where every core sees the change itself.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/task.h"
#include "protocol/mcp/mcp_call.h"

namespace ringcast {

class McpSource {
 public:
  virtual ~McpSource() = default;

  // As they are listed, JSON objects on one line each; good until the next change.
  virtual std::span<const std::string> prompts() const { return {}; }
  virtual std::span<const std::string> resources() const { return {}; }
  virtual std::span<const std::string> templates() const { return {}; }

  // Serves the call if `call.name()` is one of its own; false if it is not.
  virtual Task<bool> get_prompt(McpCall& call);
  virtual Task<bool> read_resource(McpCall& call);

  // Suggestions for an argument of a prompt or a variable of a template.
  virtual std::vector<std::string> complete(const McpCompletionRequest& request) const;

  // Somebody wants to know when this resource changes, or does not any more; both are said as often
  // as it is the case.
  virtual void subscribed(std::string_view /*uri*/, bool /*on*/) {}
};

}  // namespace ringcast
