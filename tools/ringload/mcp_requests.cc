#include "tools/ringload/mcp_requests.h"

#include <fmt/format.h>

namespace ringcast::load {
namespace {

std::string head(const Options& options, std::string_view method, std::string_view path,
                 std::string_view accept, const McpSession& session) {
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept: {}\r\n", method, path,
                                 options.target.host_header(), accept);
  if (!session.version.empty())
    text += fmt::format("MCP-Protocol-Version: {}\r\n", session.version);
  if (!session.id.empty()) text += fmt::format("Mcp-Session-Id: {}\r\n", session.id);
  return text;
}

std::string post_head(const Options& options, std::string_view path, const McpSession& session) {
  return head(options, "POST", path, "application/json, text/event-stream", session);
}

std::string body_lines(std::size_t bytes) {
  return fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n\r\n", bytes);
}

}  // namespace

std::string call_head(const Options& options, std::string_view path, const McpSession& session,
                      std::size_t bytes) {
  std::string text = post_head(options, path, session);
  if (options.mcp.era == McpEra::modern) {
    text += fmt::format("MCP-Protocol-Version: {}\r\nMcp-Method: tools/call\r\nMcp-Name: {}\r\n",
                        kModernVersion, options.mcp.tool);
  }
  return text + body_lines(bytes);
}

std::string initialize_message() {
  return fmt::format(
      R"({{"jsonrpc":"2.0","id":1,"method":"initialize","params":{{"protocolVersion":"{}",)"
      R"("capabilities":{{}},"clientInfo":{{"name":"ringload","version":"1"}}}}}})",
      kLegacyVersion);
}

std::string_view initialized_message() {
  return R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
}

std::string post_request(const Options& options, std::string_view path, const McpSession& session,
                         std::string_view message) {
  std::string text = post_head(options, path, session) + body_lines(message.size());
  return text.append(message);
}

std::string stream_request(const Options& options, const McpSession& session) {
  return head(options, "GET", options.mcp.path, "text/event-stream", session) + "\r\n";
}

}  // namespace ringcast::load
