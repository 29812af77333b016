// An MCP server with one tool: example_mcp_echo 127.0.0.1:9000
#include <fmt/format.h>

#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_program.h"

using namespace ringcast;

static Task<void> echo(McpCall& call) {
  call.text(call.string("text"));
  co_return;
}

int main(int argc, char** argv) {
  McpServer server({.name = "echo", .version = "1.0"});
  server.tool({.name = "echo",
               .description = "Gives the text back.",
               .input_schema = R"({"type":"object","properties":{"text":{"type":"string"}},
                                   "required":["text"]})"},
              echo);
  const auto served =
      serve_mcp(argc > 1 ? argv[1] : "127.0.0.1:9000", server, {.max_sessions = 1'000'000});
  if (!served) fmt::print(stderr, "{}\n", served.error().message);
  return served ? 0 : 1;
}
