// What an MCP server offers that changes while it runs: prompts and documents of a directory,
// topics. A source belongs to one core and is asked there; when what it has changes, it tells the
// clients by McpEndpoint::announce(), or announce_here() where every core sees the change itself.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/task.h"
#include "protocol/mcp/mcp_call.h"

namespace ringcast {

// What is suggested for what is being typed. The protocol has a bound for one answer; what is
// beyond it is counted.
struct McpSuggestions {
  static constexpr std::size_t kMost = 100;

  std::vector<std::string> values;
  std::size_t total = 0;

  void add(std::string value) {
    ++total;
    if (values.size() < kMost) values.push_back(std::move(value));
  }
};

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

  // Whether there is a prompt of this name, or a resource of this URI that can be followed.
  virtual bool has_prompt(std::string_view /*name*/) const { return false; }
  virtual bool has_resource(std::string_view /*uri*/) const { return false; }

  // Whether they may read and follow this, if it is one of its own. Null: everybody may everything.
  virtual bool allows(const Principal* /*who*/, std::string_view /*uri*/) const { return true; }

  // Suggestions for an argument of one of its own prompts.
  virtual std::vector<std::string> complete(const McpCompletionRequest& request) const;
  // Suggestions for a variable of one of its own templates; false if it has no such template.
  virtual Task<bool> complete_template(const McpCompletionRequest& /*request*/,
                                       McpSuggestions& /*found*/) {
    co_return false;
  }

  // Somebody wants to know when this resource changes, or does not any more; both are said as often
  // as it is the case.
  virtual void subscribed(std::string_view /*uri*/, bool /*on*/) {}
};

}  // namespace ringcast
