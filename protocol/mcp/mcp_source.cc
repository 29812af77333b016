#include "protocol/mcp/mcp_source.h"

namespace ringcast {

Task<bool> McpSource::get_prompt(McpCall&) { co_return false; }

Task<bool> McpSource::read_resource(McpCall&) { co_return false; }

std::vector<std::string> McpSource::complete(const McpCompletionRequest&) const { return {}; }

}  // namespace ringcast
