// Tools that take time, and say how far they are; change notices.
#include <fmt/format.h>

#include <atomic>
#include <chrono>

#include "protocol/examples/mcp_everything/everything.h"
#include "protocol/mcp/mcp_endpoint.h"

namespace ringcast::everything {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 50ms;

Task<void> with_progress(McpCall& call) {
  for (const int done : {0, 50, 100}) {
    const std::string message = fmt::format("Completed step {} of {}", done, 100);
    if (!co_await call.progress(done, 100, message)) co_return;
    if (!co_await call.sleep(kPause)) co_return;
  }
  call.text("All steps are done.");
}

Task<void> with_logging(McpCall& call) {
  call.log(McpLogLevel::info, "everything", R"("Tool execution started")");
  if (!co_await call.sleep(kPause)) co_return;
  call.log(McpLogLevel::info, "everything", R"("Tool processing data")");
  if (!co_await call.sleep(kPause)) co_return;
  call.log(McpLogLevel::info, "everything", R"("Tool execution completed")");
  call.text("Tool with logging executed successfully");
}

Task<void> log_at(McpCall& call) {
  const auto level = find_log_level(call.string("level"));
  if (level) call.log(*level, "everything", R"({"says":"this"})");
  call.text("logged");
  co_return;
}

// Its client is to come again for the result.
Task<void> reconnection(McpCall& call) {
  constexpr std::int64_t kRetryMs = 100;
  call.let_client_poll(kRetryMs);
  if (!co_await call.sleep(100ms)) co_return;
  call.text("Reconnection test completed successfully.");
}

// As many progress events as asked for, as fast as the client takes them.
Task<void> count(McpCall& call) {
  const std::int64_t to = call.integer("to");
  const std::chrono::microseconds pause(call.integer("pause_us"));
  for (std::int64_t i = 1; i <= to; ++i) {
    if (!co_await call.progress(static_cast<double>(i), static_cast<double>(to))) co_return;
    if (pause.count() > 0 && !co_await call.sleep(pause)) co_return;
  }
  call.text(fmt::format("counted to {}", to));
}

// What `wait` has seen, on all cores.
struct Waits {
  std::atomic<std::int64_t> running{0};
  std::atomic<std::int64_t> cancelled{0};
  std::atomic<std::int64_t> finished{0};
};
Waits waits;

Task<void> wait(McpCall& call) {
  ++waits.running;
  const bool whole = co_await call.sleep(std::chrono::milliseconds(call.integer("ms")));
  --waits.running;
  ++(whole ? waits.finished : waits.cancelled);
  if (whole) call.text("waited");
}

Task<void> waited(McpCall& call) {
  call.structured(fmt::format(R"({{"running":{},"cancelled":{},"finished":{}}})",
                              waits.running.load(), waits.cancelled.load(), waits.finished.load()));
  co_return;
}

Task<void> change_tools(McpCall& call) {
  call.endpoint().announce(McpChange::tools);
  call.text("The list of tools has changed.");
  co_return;
}

Task<void> change_prompts(McpCall& call) {
  call.endpoint().announce(McpChange::prompts);
  call.text("The list of prompts has changed.");
  co_return;
}

Task<void> change_resources(McpCall& call) {
  call.endpoint().announce(McpChange::resources);
  call.text("The list of resources has changed.");
  co_return;
}

Task<void> change_resource(McpCall& call) {
  call.endpoint().announce(McpChange::resource, call.string("uri", kWatched));
  call.text("The resource has changed.");
  co_return;
}

}  // namespace

void add_running_tools(McpServer& server) {
  server.tool({.name = "test_tool_with_progress", .description = "Tells its progress three times."},
              with_progress);
  server.tool({.name = "test_tool_with_logging", .description = "Logs three times."}, with_logging);
  server.tool({.name = "test_logging_tool", .description = "Logs for who wants to know."},
              with_logging);
  server.tool({.name = "log_at",
               .description = "Logs once, at this level.",
               .input_schema = R"({"type":"object","properties":{"level":{"type":"string"}},)"
                               R"("required":["level"]})"},
              log_at);
  server.tool({.name = "test_reconnection", .description = "Lets its client come again."},
              reconnection);
  server.tool({.name = "count",
               .description = "Counts, and tells each number as progress.",
               .input_schema = R"({"type":"object","properties":{"to":{"type":"integer"},)"
                               R"("pause_us":{"type":"integer"}},"required":["to"]})"},
              count);
  server.tool({.name = "wait",
               .description = "Does nothing for a time.",
               .input_schema = R"({"type":"object","properties":{"ms":{"type":"integer"}},)"
                               R"("required":["ms"]})"},
              wait);
  server.tool({.name = "waited",
               .description = "How many calls of `wait` run, were cancelled, have finished.",
               .output_schema = R"({"type":"object","required":["running","cancelled"]})"},
              waited);
  server.tool({.name = "test_trigger_tool_change", .description = "Announces other tools."},
              change_tools);
  server.tool({.name = "test_trigger_prompt_change", .description = "Announces other prompts."},
              change_prompts);
  server.tool(
      {.name = "test_trigger_resources_change", .description = "Announces other resources."},
      change_resources);
  server.tool({.name = "test_trigger_resource_change",
               .description = "Announces that a resource has changed.",
               .input_schema = R"({"type":"object","properties":{"uri":{"type":"string"}}})"},
              change_resource);
}

}  // namespace ringcast::everything
