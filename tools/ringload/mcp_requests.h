// The HTTP requests of a client of MCP, as Streamable HTTP has them: stateless in revision
// 2026-07-28, with sessions in 2025-11-25.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/ringload/options.h"

namespace ringcast::load {

inline constexpr std::string_view kModernVersion = "2026-07-28";
inline constexpr std::string_view kLegacyVersion = "2025-11-25";  // what a client asks for

// What the server has said when it was initialized; empty in the modern era.
struct McpSession {
  std::string id;       // of Mcp-Session-Id; empty: the server has no sessions
  std::string version;  // the one that was agreed on
};

// The head of a POST of a call whose message has `bytes` bytes.
std::string call_head(const Options& options, std::string_view path, const McpSession& session,
                      std::size_t bytes);

// JSON-RPC messages. Their ids lie outside those of calls.
std::string initialize_message();
std::string_view initialized_message();

// Whole requests.
std::string post_request(const Options& options, std::string_view path, const McpSession& session,
                         std::string_view message);
std::string stream_request(const Options& options, const McpSession& session);  // GET

}  // namespace ringcast::load
