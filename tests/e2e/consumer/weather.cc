// An MCP server on ringcast::protocol with one tool: weather ADDRESS
#include <fmt/format.h>
#include <protocol/mcp/mcp_call.h>
#include <protocol/mcp/mcp_program.h>

using namespace ringcast;

static Task<void> forecast(McpCall& call) {
  co_await call.progress(1, 2);
  call.text(fmt::format("Sunny in {}.", call.string("city")));
}

int main(int, char** argv) {
  McpServer server({.name = "weather", .version = "1.0"});
  server.tool(
      {.name = "forecast",
       .description = "The weather of tomorrow.",
       .input_schema =
           R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"},
      forecast);
  return serve_mcp(argv[1], server) ? 0 : 1;
}
