// Tools and a prompt that ask before they answer. Where requests are stateless each question is a
// round: the handler runs again, from its beginning, with what was answered.
#include <fmt/format.h>

#include "protocol/examples/mcp_everything/everything.h"

namespace ringcast::everything {
namespace {

constexpr std::string_view kName =
    R"({"type":"object","properties":{"name":{"type":"string"}},"required":["name"]})";
constexpr std::string_view kColor =
    R"({"type":"object","properties":{"color":{"type":"string"}},"required":["color"]})";
constexpr std::string_view kOk =
    R"({"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]})";
constexpr std::string_view kContext =
    R"({"type":"object","properties":{"context":{"type":"string"}},"required":["context"]})";
constexpr std::string_view kQuestion =
    R"({"messages":[{"role":"user","content":{"type":"text",)"
    R"("text":"What is the capital of France?"}}],"maxTokens":100})";

// What was filled in under this name.
std::string_view filled(const McpAnswer& answer, std::string_view name) {
  std::string_view value;
  return answer.content(name).get_string().get(value) == simdjson::SUCCESS ? value : "nobody";
}

Task<void> round_elicitation(McpCall& call) {
  const McpAnswer answer = co_await call.elicit("user_name", "What is your name?", kName);
  if (!answer) co_return;
  call.text(fmt::format("Hello, {}!", filled(answer, "name")));
}

Task<void> round_sampling(McpCall& call) {
  const McpAnswer answer = co_await call.sample("capital_question", kQuestion);
  if (!answer) co_return;
  call.text(fmt::format("The model says: {}", answer.json()));
}

Task<void> round_roots(McpCall& call) {
  const McpAnswer answer = co_await call.roots("client_roots");
  if (!answer) co_return;
  call.text(fmt::format("The roots are: {}", answer.json()));
}

Task<void> round_state(McpCall& call) {
  constexpr std::string_view kState = "asked to confirm";
  call.keep(kState);
  const McpAnswer answer = co_await call.elicit("confirm", "Is that all right?", kOk);
  if (!answer) co_return;
  call.text(call.kept() == kState || !is_stateless(call.revision()) ? "state-ok" : "state-missing");
}

Task<void> round_several(McpCall& call) {
  call.keep("asked for three things");
  const McpAnswer name = co_await call.elicit("user_name", "What is your name?", kName);
  const McpAnswer greeting = co_await call.sample("greeting", kQuestion);
  const McpAnswer roots = co_await call.roots("client_roots");
  if (!name || !greeting || !roots) co_return;
  call.text(fmt::format("{}; {}; {}", filled(name, "name"), greeting.json(), roots.json()));
}

Task<void> several_rounds(McpCall& call) {
  call.keep("asked for the name");
  const McpAnswer name = co_await call.elicit("step1", "What is your name?", kName);
  if (!name) co_return;
  call.keep("asked for the color");
  const McpAnswer color = co_await call.elicit("step2", "What is your favorite color?", kColor);
  if (!color) co_return;
  call.text(fmt::format("{} likes {}.", filled(name, "name"), filled(color, "color")));
}

// Asks for no more than the client can do.
Task<void> round_capabilities(McpCall& call) {
  if (call.client().elicitation) {
    const McpAnswer answer = co_await call.elicit("user_name", "What is your name?", kName);
    if (!answer) co_return;
  }
  if (call.client().sampling) {
    const McpAnswer answer = co_await call.sample("capital_question", kQuestion);
    if (!answer) co_return;
  }
  call.text("That is all there is to ask.");
}

Task<void> round_prompt(McpCall& call) {
  const McpAnswer answer = co_await call.elicit("user_context", "What is it about?", kContext);
  if (!answer) co_return;
  call.text(fmt::format("The context is: {}", filled(answer, "context")));
}

}  // namespace

void add_rounds(McpServer& server) {
  const auto tool = [&server](const char* name, const char* description, McpHandler handler) {
    server.tool(
        {.name = std::string("test_input_required_result_") + name, .description = description},
        std::move(handler));
  };
  tool("elicitation", "Asks the user for a name.", round_elicitation);
  tool("sampling", "Asks the client's model.", round_sampling);
  tool("list_roots", "Asks for the client's roots.", round_roots);
  tool("request_state", "Asks the user, and keeps a state meanwhile.", round_state);
  tool("multiple_inputs", "Asks for three things at once.", round_several);
  tool("multi_round", "Asks for two things, one after the other.", several_rounds);
  tool("tampered_state", "Takes no state but its own.", round_state);
  tool("capabilities", "Asks for what the client can do.", round_capabilities);
  server.prompt({.name = "test_input_required_result_prompt",
                 .description = "Asks the user for the context."},
                round_prompt);
}

}  // namespace ringcast::everything
