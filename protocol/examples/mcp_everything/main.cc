// An MCP server with everything there is: example_mcp_everything 127.0.0.1:9000
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <string>

#include "protocol/examples/mcp_everything/everything.h"
#include "protocol/mcp/mcp_program.h"

using namespace ringcast;

int main(int argc, char** argv) {
  std::string address = "127.0.0.1:9000";
  bool stdio = false;
  McpOptions options;
  CLI::App app("An MCP server with tools, prompts and resources of every kind.");
  app.add_option("ADDRESS", address)->capture_default_str();
  app.add_flag("--stdio", stdio, "Serve standard input and output instead.");
  app.add_option("--session-timeout-ms", options.session_timeout_ms)->capture_default_str();
  app.add_option("--max-sessions", options.max_sessions)->capture_default_str();
  app.add_option("--max-message-bytes", options.max_message_bytes)->capture_default_str();
  app.add_option("--max-tasks", options.max_tasks, "Kept, of a core.")->capture_default_str();
  app.add_option("--page-items", options.page_items)->capture_default_str();
  app.add_option("--keepalive-ms", options.keepalive_ms)->capture_default_str();
  app.add_option("--state-ttl-ms", options.state_ttl_ms)->capture_default_str();
  app.add_option("--ask-timeout-ms", options.ask_timeout_ms)->capture_default_str();
  app.add_option("--mount", options.mount, "What a proxy puts before our paths.");
  app.add_option("--host", options.hosts, "A host name under which pages may use the server.");
  CLI11_PARSE(app, argc, argv);

  McpServer server({.name = "everything",
                    .version = "1.0",
                    .title = "Everything",
                    .instructions = "Every tool does one thing; its description says which."});
  everything::add_content_tools(server);
  everything::add_running_tools(server);
  everything::add_asking_tools(server);
  everything::add_rounds(server);
  everything::add_task_tools(server);
  everything::add_documents(server);
  const auto served =
      stdio ? serve_mcp_stdio(server, options) : serve_mcp(address, server, options);
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
