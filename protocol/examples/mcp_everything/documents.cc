// Resources, a template of them, prompts, and completion.
#include <fmt/format.h>

#include <array>

#include "core/event_stream.h"
#include "protocol/examples/mcp_everything/everything.h"

namespace ringcast::everything {
namespace {

Task<void> static_text(McpCall& call) {
  call.text("This is the content of the static text resource.");
  co_return;
}

Task<void> static_binary(McpCall& call) {
  call.embed_blob(call.name(), "image/png", kPng);
  co_return;
}

Task<void> watched(McpCall& call) {
  call.text("Watched resource content");
  co_return;
}

Task<void> of_template(McpCall& call) {
  const std::string id = call.variable("id").value_or("");
  std::string json = R"({"id":)";
  append_json_string(json, id);
  json += R"(,"templateTest":true,"data":)";
  append_json_string(json, fmt::format("Data for ID: {}", id));
  call.embed_text(call.name(), "application/json", json + "}");
  co_return;
}

Task<void> simple_prompt(McpCall& call) {
  call.text("This is a simple prompt for testing.");
  co_return;
}

Task<void> prompt_with_arguments(McpCall& call) {
  call.text(fmt::format("Prompt with arguments: arg1='{}', arg2='{}'", call.string("arg1"),
                        call.string("arg2")));
  co_return;
}

Task<void> prompt_with_resource(McpCall& call) {
  call.embed_text(call.string("resourceUri"), "text/plain",
                  "Embedded resource content for testing.");
  call.text("Please process the embedded resource above.");
  co_return;
}

Task<void> prompt_with_image(McpCall& call) {
  call.image(kPng, "image/png");
  call.text("Please analyze the image above.");
  co_return;
}

Task<void> dialogue(McpCall& call) {
  call.text("Two and two?");
  call.role("assistant");
  call.text("Four.");
  co_return;
}

// Cities that begin as typed.
std::vector<std::string> complete(const McpCompletionRequest& request) {
  constexpr std::array<std::string_view, 4> kCities = {"Paris", "Parma", "Palermo", "Pisa"};
  std::vector<std::string> found;
  if (request.argument != "arg1" && request.argument != "id") return found;
  for (const std::string_view city : kCities) {
    if (city.starts_with(request.value)) found.emplace_back(city);
  }
  return found;
}

}  // namespace

void add_documents(McpServer& server) {
  server.resource({.uri = "test://static-text",
                   .name = "static-text",
                   .description = "A text that stays as it is.",
                   .mime_type = "text/plain"},
                  static_text);
  server.resource({.uri = "test://static-binary",
                   .name = "static-binary",
                   .description = "An image.",
                   .mime_type = "image/png"},
                  static_binary);
  server.resource({.uri = std::string(kWatched),
                   .name = "watched-resource",
                   .description = "A text to subscribe to.",
                   .mime_type = "text/plain"},
                  watched);
  server.resource({.uri = "test://template/{id}/data",
                   .name = "template",
                   .description = "The data of an id.",
                   .mime_type = "application/json"},
                  of_template);
  server.prompt({.name = "test_simple_prompt", .description = "Has no arguments."}, simple_prompt);
  server.prompt({.name = "test_prompt_with_arguments",
                 .description = "Has two arguments.",
                 .arguments = {{.name = "arg1", .description = "The first.", .required = true},
                               {.name = "arg2", .description = "The second.", .required = true}}},
                prompt_with_arguments);
  server.prompt(
      {.name = "test_prompt_with_embedded_resource",
       .description = "Holds a resource.",
       .arguments = {{.name = "resourceUri", .description = "Of the resource.", .required = true}}},
      prompt_with_resource);
  server.prompt({.name = "test_prompt_with_image", .description = "Holds an image."},
                prompt_with_image);
  server.prompt({.name = "test_dialogue", .description = "Has two sides."}, dialogue);
  server.complete(complete);
}

}  // namespace ringcast::everything
