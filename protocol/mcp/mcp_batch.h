// Several messages at once, which 2025-03-26 has: an array of them, answered by an array.
//
// The requests of a batch run side by side. What they say meanwhile goes to the session's own
// stream; their responses are gathered here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/task.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_outcome.h"

namespace ringcast {

struct McpBatchOutcome {
  int status = 200;  // of HTTP; with anything else there is an error
  std::optional<RpcError> error{};
  std::string answers{};  // a JSON array; empty if nothing was asked
};

// On the session's home core. `parts` must last until it is done.
Task<McpBatchOutcome> run_batch(McpEndpoint& home, std::string_view session_id,
                                std::string_view principal,
                                const std::vector<std::string_view>& parts,
                                const PrincipalPtr& who);

// A batch that came in on a channel of its session's: the answers go to the session's stream.
Task<void> run_batch_of_channel(McpEndpoint* home, std::string session_id, std::string principal,
                                std::string text, PrincipalPtr who);

}  // namespace ringcast
