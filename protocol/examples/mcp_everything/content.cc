// Tools that answer at once, with each kind of content.
#include <fmt/format.h>

#include "protocol/examples/mcp_everything/everything.h"

namespace ringcast::everything {
namespace {

Task<void> simple_text(McpCall& call) {
  call.text("This is a simple text response for testing.");
  co_return;
}

Task<void> image_content(McpCall& call) {
  call.image(kPng, "image/png");
  co_return;
}

Task<void> audio_content(McpCall& call) {
  call.audio(kWav, "audio/wav");
  co_return;
}

Task<void> embedded_resource(McpCall& call) {
  call.embed_text("test://embedded-resource", "text/plain",
                  "This is an embedded resource content.");
  co_return;
}

Task<void> multiple_content_types(McpCall& call) {
  call.text("Multiple content types test:");
  call.image(kPng, "image/png");
  call.embed_text("test://mixed-content-resource", "application/json",
                  R"({"test":"data","value":123})");
  co_return;
}

Task<void> links(McpCall& call) {
  call.link("test://static-text", "static-text", "text/plain");
  co_return;
}

Task<void> error_handling(McpCall& call) {
  call.fail("This tool intentionally returns an error for testing");
  co_return;
}

Task<void> echo(McpCall& call) {
  call.text(call.string("text"));
  co_return;
}

Task<void> sum(McpCall& call) {
  call.structured(fmt::format(R"({{"sum":{}}})", call.number("a") + call.number("b")));
  co_return;
}

Task<void> wrong_result(McpCall& call) {
  call.structured(R"({"sum":"many"})");
  co_return;
}

Task<void> header_parameter(McpCall& call) {
  call.text(fmt::format("region={}", call.string("region")));
  co_return;
}

// Every keyword must come back in the list as it is here.
constexpr std::string_view kSchema202012 = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "$defs": {
    "address": {
      "$anchor": "addressDef",
      "type": "object",
      "properties": {"street": {"type": "string"}, "city": {"type": "string"}}
    }
  },
  "properties": {
    "name": {"type": "string"},
    "address": {"$ref": "#/$defs/address"},
    "contactMethod": {"type": "string", "enum": ["phone", "email"]},
    "phone": {"type": "string"},
    "email": {"type": "string"}
  },
  "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
  "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
  "then": {"required": ["phone"]},
  "else": {"required": ["email"]},
  "additionalProperties": false
})";

Task<void> schema_202012(McpCall& call) {
  call.text(fmt::format("Called for {}.", call.string("name", "nobody")));
  co_return;
}

constexpr std::string_view kSumOutput =
    R"({"type":"object","properties":{"sum":{"type":"number"}},"required":["sum"]})";
constexpr std::string_view kSumInput =
    R"({"type":"object","properties":{"a":{"type":"number"},"b":{"type":"number"}},)"
    R"("required":["a","b"]})";

}  // namespace

void add_content_tools(McpServer& server) {
  server.tool({.name = "test_simple_text", .description = "Gives a text."}, simple_text);
  server.tool({.name = "test_image_content", .description = "Gives an image."}, image_content);
  server.tool({.name = "test_audio_content", .description = "Gives a sound."}, audio_content);
  server.tool({.name = "test_embedded_resource", .description = "Gives a resource."},
              embedded_resource);
  server.tool({.name = "test_multiple_content_types", .description = "Gives content of all kinds."},
              multiple_content_types);
  server.tool({.name = "test_resource_link", .description = "Gives a link to a resource."}, links);
  server.tool({.name = "test_error_handling", .description = "Fails."}, error_handling);
  server.tool({.name = "echo",
               .title = "Echo",
               .description = "Gives the text back.",
               .input_schema = R"({"type":"object","properties":{"text":{"type":"string"}},)"
                               R"("required":["text"]})",
               .annotations = R"({"readOnlyHint":true})"},
              echo);
  server.tool({.name = "sum",
               .description = "Adds two numbers.",
               .input_schema = std::string(kSumInput),
               .output_schema = std::string(kSumOutput)},
              sum);
  server.tool({.name = "wrong_result",
               .description = "Gives a result that breaks its own schema.",
               .output_schema = std::string(kSumOutput)},
              wrong_result);
  server.tool({.name = "json_schema_2020_12_tool",
               .description = "Has a schema with keywords of JSON Schema 2020-12.",
               .input_schema = std::string(kSchema202012)},
              schema_202012);
  server.tool({.name = "test_x_mcp_header",
               .description = "Has a parameter that requests repeat in a header.",
               .input_schema = R"({"type":"object","properties":{)"
                               R"("region":{"type":"string","x-mcp-header":"Region"},)"
                               R"("level":{"type":"integer"}}})"},
              header_parameter);
}

}  // namespace ringcast::everything
