// Tools that go on as tasks.
#include <fmt/format.h>

#include <chrono>

#include "protocol/examples/mcp_everything/everything.h"
#include "protocol/mcp/rpc_message.h"

namespace ringcast::everything {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kConfirm =
    R"({"type":"object","properties":{"confirm":{"type":"boolean"}},"required":["confirm"]})";
constexpr std::string_view kName =
    R"({"type":"object","properties":{"name":{"type":"string"}},"required":["name"]})";

Task<void> greet(McpCall& call) {
  call.text(fmt::format("Hello, {}!", call.string("name")));
  co_return;
}

Task<void> slow_compute(McpCall& call) {
  const std::string label(call.string("label", "result"));
  const std::chrono::duration<double> time(call.number("seconds"));
  if (time > 0s) call.become_task();
  if (!co_await call.sleep(std::chrono::duration_cast<std::chrono::nanoseconds>(time))) co_return;
  call.text(fmt::format("{} is computed.", label));
}

Task<void> failing_job(McpCall& call) {
  call.become_task();
  if (!co_await call.sleep(1s)) co_return;
  call.fail("This job always fails.");
}

Task<void> protocol_error_job(McpCall& call) {
  call.become_task();
  if (!co_await call.sleep(100ms)) co_return;
  call.refuse(rpc::kInternalError, "This job breaks off.");
}

Task<void> confirm_delete(McpCall& call) {
  const std::string filename(call.string("filename"));
  call.become_task();
  const McpAnswer answer =
      co_await call.elicit("confirm", fmt::format("Delete {}?", filename), kConfirm);
  if (!answer) co_return;
  bool confirmed = false;
  const bool said = answer.content("confirm").get_bool().get(confirmed) == simdjson::SUCCESS;
  call.text(fmt::format("{} {}.", filename, said && confirmed ? "is deleted" : "is kept"));
}

Task<void> ask_name(McpCall* call, std::string_view key) {
  const McpAnswer answer = co_await call->elicit(key, "What is your name?", kName);
  std::string_view name;
  if (answer && answer.content("name").get_string().get(name) == simdjson::SUCCESS) {
    call->text(fmt::format("{} is {}.", key, name));
  }
}

// The call lasts until both have an answer.
Task<void> multi_input(McpCall& call) {
  call.become_task();
  call.scope().spawn(ask_name(&call, "first"));
  call.scope().spawn(ask_name(&call, "second"));
  co_return;
}

// Asks first, and is a task only then.
Task<void> ask_then_task(McpCall& call) {
  const McpAnswer answer = co_await call.elicit("user_name", "What is your name?", kName);
  if (!answer) co_return;
  std::string_view name;
  if (answer.content("name").get_string().get(name) != simdjson::SUCCESS) name = "nobody";
  call.become_task();
  if (!co_await call.sleep(100ms)) co_return;
  call.text(fmt::format("Hello, {}!", name));
}

}  // namespace

void add_task_tools(McpServer& server) {
  server.tool({.name = "greet",
               .description = "Greets at once.",
               .input_schema = R"({"type":"object","properties":{"name":{"type":"string"}},)"
                               R"("required":["name"]})"},
              greet);
  server.tool({.name = "slow_compute",
               .description = "Takes these seconds.",
               .input_schema = R"({"type":"object","properties":{"seconds":{"type":"number"},)"
                               R"("label":{"type":"string"}}})",
               .tasks = McpTaskSupport::optional},
              slow_compute);
  server.tool({.name = "failing_job",
               .description = "Fails after a second.",
               .tasks = McpTaskSupport::required},
              failing_job);
  server.tool({.name = "protocol_error_job",
               .description = "Breaks off with an error of JSON-RPC.",
               .tasks = McpTaskSupport::optional},
              protocol_error_job);
  server.tool({.name = "confirm_delete",
               .description = "Asks before it deletes (nothing, in fact).",
               .input_schema = R"({"type":"object","properties":{"filename":{"type":"string"}}})",
               .tasks = McpTaskSupport::optional},
              confirm_delete);
  server.tool({.name = "multi_input",
               .description = "Asks for two things at once.",
               .tasks = McpTaskSupport::optional},
              multi_input);
  server.tool({.name = "test_tool_with_task",
               .description = "Asks for a name, then goes on as a task.",
               .tasks = McpTaskSupport::required},
              ask_then_task);
}

}  // namespace ringcast::everything
