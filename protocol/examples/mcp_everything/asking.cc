// Tools that ask the client while they run.
#include <fmt/format.h>

#include "core/event_stream.h"
#include "protocol/examples/mcp_everything/everything.h"

namespace ringcast::everything {
namespace {

std::string sampling_params(std::string_view prompt) {
  std::string params = R"({"messages":[{"role":"user","content":{"type":"text","text":)";
  append_json_string(params, prompt);
  return params + R"(}}],"maxTokens":100})";
}

// The text of a sampled message, whose content is one piece or several.
std::string_view sampled_text(const McpAnswer& answer) {
  std::string_view text;
  const auto content = answer.value()["content"];
  if (content["text"].get_string().get(text) == simdjson::SUCCESS) return text;
  if (content.at(0)["text"].get_string().get(text) == simdjson::SUCCESS) return text;
  return "no text";
}

std::string content_json(const McpAnswer& answer) {
  simdjson::dom::element content;
  if (answer.value()["content"].get(content) != simdjson::SUCCESS) return "{}";
  return simdjson::minify(content);
}

Task<void> sampling(McpCall& call) {
  const McpAnswer answer = co_await call.sample("sampling", sampling_params(call.string("prompt")));
  if (!answer) co_return call.fail("The client gave no sample.");
  call.text(fmt::format("LLM response: {}", sampled_text(answer)));
}

// Asks the user with a form, and says what came.
Task<void> ask_user(McpCall* call, std::string_view message, std::string_view schema,
                    std::string_view before) {
  const McpAnswer answer = co_await call->elicit("form", message, schema);
  if (answer.state() == McpAnswer::State::pending) co_return;
  if (!answer) co_return call->fail("The client cannot be asked.");
  call->text(
      fmt::format("{}: action={}, content={}", before, answer.action(), content_json(answer)));
}

Task<void> elicitation(McpCall& call) {
  co_await ask_user(&call, call.string("message"),
                    R"({"type":"object","properties":{"username":{"type":"string"},)"
                    R"("email":{"type":"string"}},"required":["username","email"]})",
                    "User response");
}

Task<void> elicitation_defaults(McpCall& call) {
  constexpr std::string_view kSchema = R"({
    "type": "object",
    "properties": {
      "name": {"type": "string", "default": "John Doe"},
      "age": {"type": "integer", "default": 30},
      "score": {"type": "number", "default": 95.5},
      "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
      "verified": {"type": "boolean", "default": true}
    },
    "required": []
  })";
  co_await ask_user(&call, "Please look at these.", kSchema, "Elicitation completed");
}

// The same whether the client is asked on the stream or by an interim result.
Task<void> streaming_elicitation(McpCall& call) {
  co_await ask_user(&call, "Shall it go on?",
                    R"({"type":"object","properties":{"yes":{"type":"boolean"}}})",
                    "User response");
}

Task<void> elicitation_enums(McpCall& call) {
  constexpr std::string_view kSchema = R"({
    "type": "object",
    "properties": {
      "untitledSingle": {"type": "string", "enum": ["option1", "option2", "option3"]},
      "titledSingle": {"type": "string", "oneOf": [
        {"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}]},
      "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["One", "Two"]},
      "untitledMulti": {"type": "array", "minItems": 1, "maxItems": 3,
        "items": {"type": "string", "enum": ["option1", "option2", "option3"]}},
      "titledMulti": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"anyOf": [
        {"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}]}}
    },
    "required": []
  })";
  co_await ask_user(&call, "Please choose.", kSchema, "Elicitation completed");
}

Task<void> elicitation_url(McpCall& call) {
  const McpAnswer answer =
      co_await call.elicit_url("page", "Please sign in.", "https://example.com/sign-in", "sign-in");
  if (answer.state() == McpAnswer::State::pending) co_return;
  if (!answer) co_return call.fail("The client cannot open pages.");
  call.text(fmt::format("action={}", answer.action()));
}

Task<void> list_roots(McpCall& call) {
  const McpAnswer answer = co_await call.roots("roots");
  if (answer.state() == McpAnswer::State::pending) co_return;
  if (!answer) co_return call.fail("The client has no roots.");
  call.text(fmt::format("Roots: {}", answer.json()));
}

Task<void> missing_capability(McpCall& call) {
  call.text("The client can sample.");
  co_return;
}

constexpr std::string_view kPrompt =
    R"({"type":"object","properties":{"prompt":{"type":"string"}},"required":["prompt"]})";
constexpr std::string_view kMessage =
    R"({"type":"object","properties":{"message":{"type":"string"}},"required":["message"]})";

}  // namespace

void add_asking_tools(McpServer& server) {
  server.tool({.name = "test_sampling",
               .description = "Has the client's model answer.",
               .input_schema = std::string(kPrompt)},
              sampling);
  server.tool({.name = "test_elicitation",
               .description = "Asks the user.",
               .input_schema = std::string(kMessage)},
              elicitation);
  server.tool({.name = "test_elicitation_sep1034_defaults",
               .description = "Asks the user, with a default for each field."},
              elicitation_defaults);
  server.tool({.name = "test_elicitation_sep1330_enums",
               .description = "Lets the user choose in every way there is."},
              elicitation_enums);
  server.tool({.name = "test_elicitation_url", .description = "Sends the user to a page."},
              elicitation_url);
  server.tool({.name = "test_roots", .description = "Asks for the client's roots."}, list_roots);
  server.tool(
      {.name = "test_streaming_elicitation", .description = "Asks the user if that is possible."},
      streaming_elicitation);
  server.tool({.name = "test_missing_capability",
               .description = "Needs a client that can sample.",
               .needs = {"sampling"}},
              missing_capability);
}

}  // namespace ringcast::everything
