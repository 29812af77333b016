#include "protocol/mcp/mcp_server.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "core/event_stream.h"
#include "core/utf8.h"
#include "net/http_chars.h"
#include "net/url.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMostNameBytes = 128;

// Writes an object's members one after the other; empty ones are left out.
class Members {
 public:
  Members& text(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    begin(key);
    append_json_string(json_, value);
    return *this;
  }
  Members& raw(std::string_view key, std::string_view value) {
    if (value.empty()) return *this;
    begin(key);
    json_ += value;
    return *this;
  }
  std::string finish() { return std::move(json_) + "}"; }

 private:
  void begin(std::string_view key) {
    json_ += json_.size() > 1 ? ",\"" : "\"";
    json_.append(key).append("\":");
  }
  std::string json_ = "{";
};

// On one line, as the framing of events and lines needs it; false if it is not JSON.
bool tidy_json(std::string& text) {
  if (text.empty()) return true;
  dom::parser parser;
  dom::element element;
  if (parser.parse(text.data(), text.size()).get(element) != simdjson::SUCCESS) return false;
  text = simdjson::minify(element);
  return true;
}

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kMostNameBytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == '/';
  });
}

std::string tool_json(const McpTool& tool) {
  Members members;
  members.text("name", tool.name)
      .text("title", tool.title)
      .text("description", tool.description)
      .raw("inputSchema", tool.input_schema)
      .raw("outputSchema", tool.output_schema)
      .raw("annotations", tool.annotations)
      .raw("icons", tool.icons);
  if (tool.tasks != McpTaskSupport::forbidden) {
    members.raw("execution", tool.tasks == McpTaskSupport::required
                                 ? R"({"taskSupport":"required"})"
                                 : R"({"taskSupport":"optional"})");
  }
  return members.raw("_meta", tool.meta).finish();
}

std::string prompt_json(const McpPrompt& prompt) {
  std::string arguments;
  for (const McpPromptArgument& argument : prompt.arguments) {
    arguments += arguments.empty() ? '[' : ',';
    arguments += Members()
                     .text("name", argument.name)
                     .text("description", argument.description)
                     .raw("required", argument.required ? "true" : "false")
                     .finish();
  }
  if (!arguments.empty()) arguments += ']';
  return Members()
      .text("name", prompt.name)
      .text("title", prompt.title)
      .text("description", prompt.description)
      .raw("arguments", arguments)
      .raw("icons", prompt.icons)
      .finish();
}

std::string resource_json(const McpResource& resource, bool is_template) {
  return Members()
      .text(is_template ? "uriTemplate" : "uri", resource.uri)
      .text("name", resource.name)
      .text("title", resource.title)
      .text("description", resource.description)
      .text("mimeType", resource.mime_type)
      .raw("annotations", resource.annotations)
      .raw("icons", resource.icons)
      .raw("size", resource.bytes ? fmt::format("{}", *resource.bytes) : std::string())
      .finish();
}

// The properties that a client repeats in headers (SEP-2243).
Result<std::vector<McpServer::Tool::HeaderParameter>> header_parameters(std::string_view schema) {
  std::vector<McpServer::Tool::HeaderParameter> found;
  dom::parser parser;
  dom::object properties;
  if (parser.parse(schema.data(), schema.size())["properties"].get_object().get(properties) !=
      simdjson::SUCCESS) {
    return found;
  }
  for (const auto field : properties) {
    std::string_view header;
    if (field.value["x-mcp-header"].get_string().get(header) != simdjson::SUCCESS) continue;
    if (!chars::is_token(header)) {
      return fail("bad_tool", fmt::format("`x-mcp-header` of `{}` is no header name.", field.key));
    }
    found.push_back({std::string(field.key), fmt::format("Mcp-Param-{}", header)});
  }
  return found;
}

}  // namespace

McpServer::McpServer(McpServerInfo info) : info_(std::move(info)) {
  info_json_ = Members()
                   .text("name", info_.name)
                   .text("version", info_.version)
                   .text("title", info_.title)
                   .finish();
}

McpServer::~McpServer() = default;

void McpServer::refuse(std::string message) {
  if (!error_) error_ = Error{"bad_registration", std::move(message)};
}

void McpServer::tool(McpTool about, McpHandler handler) {
  if (!is_tool_name(about.name)) {
    return refuse(fmt::format("`{}` is no name for a tool.", about.name));
  }
  if (tools_by_name_.contains(about.name)) {
    return refuse(fmt::format("There are two tools `{}`.", about.name));
  }
  for (std::string* const json :
       {&about.input_schema, &about.output_schema, &about.annotations, &about.icons, &about.meta}) {
    if (!tidy_json(*json)) {
      return refuse(fmt::format("Tool `{}`: this is not JSON: {}", about.name, *json));
    }
  }
  auto input = JsonSchema::compile(about.input_schema);
  if (!input) {
    return refuse(fmt::format("Tool `{}`, input: {}", about.name, input.error().message));
  }
  std::optional<JsonSchema> output;
  if (!about.output_schema.empty()) {
    auto compiled = JsonSchema::compile(about.output_schema);
    if (!compiled) {
      return refuse(fmt::format("Tool `{}`, output: {}", about.name, compiled.error().message));
    }
    output.emplace(std::move(*compiled));
  }
  auto headers = header_parameters(about.input_schema);
  if (!headers) return refuse(headers.error().message);
  has_tasks_ = has_tasks_ || about.tasks != McpTaskSupport::forbidden;
  std::string json = tool_json(about);
  tools_.push_back(
      std::make_unique<Tool>(Tool{std::move(about), std::move(handler), std::move(*input),
                                  std::move(output), std::move(json), std::move(*headers)}));
  tools_by_name_.emplace(tools_.back()->about.name, tools_.back().get());
}

void McpServer::prompt(McpPrompt about, McpHandler handler) {
  if (about.name.empty()) return refuse("A prompt needs a name.");
  if (!tidy_json(about.icons)) return refuse("The icons of a prompt are JSON.");
  if (find_prompt(about.name) != nullptr) {
    return refuse(fmt::format("There are two prompts `{}`.", about.name));
  }
  std::string json = prompt_json(about);
  prompts_.push_back(
      std::make_unique<Prompt>(Prompt{std::move(about), std::move(handler), std::move(json)}));
}

void McpServer::resource(McpResource about, McpHandler handler) {
  if (about.uri.find(':') == std::string::npos || about.name.empty()) {
    return refuse(fmt::format("Resource `{}` needs a URI and a name.", about.uri));
  }
  if (!tidy_json(about.icons) || !tidy_json(about.annotations)) {
    return refuse(fmt::format("Resource `{}`: icons and annotations are JSON.", about.uri));
  }
  const bool is_template = about.uri.find('{') != std::string::npos;
  std::string json = resource_json(about, is_template);
  auto& list = is_template ? templates_ : resources_;
  list.push_back(std::make_unique<Resource>(
      Resource{std::move(about), std::move(handler), std::move(json), is_template}));
}

const McpServer::Tool* McpServer::find_tool(std::string_view name) const {
  const auto found = tools_by_name_.find(name);
  return found == tools_by_name_.end() ? nullptr : found->second;
}

const McpServer::Prompt* McpServer::find_prompt(std::string_view name) const {
  for (const auto& prompt : prompts_) {
    if (prompt->about.name == name) return prompt.get();
  }
  return nullptr;
}

const McpServer::Resource* McpServer::find_resource(std::string_view uri) const {
  for (const auto& resource : resources_) {
    if (resource->about.uri == uri) return resource.get();
  }
  for (const auto& resource : templates_) {
    if (fits_template(resource->about.uri, uri)) return resource.get();
  }
  return nullptr;
}

// --- templates ---

namespace {

// Walks both; `found` gets each variable. Literals must match, a variable takes up to the literal
// behind it.
template <class Found>
bool match_template(std::string_view pattern, std::string_view uri, Found found) {
  for (;;) {
    const std::size_t open = pattern.find('{');
    if (!uri.starts_with(pattern.substr(0, open))) return false;
    if (open == std::string_view::npos) return uri.size() == pattern.size();
    uri.remove_prefix(open);
    const std::size_t close = pattern.find('}', open);
    if (close == std::string_view::npos) return false;
    std::string_view name = pattern.substr(open + 1, close - open - 1);
    const bool slashes = name.starts_with('+');
    if (slashes) name.remove_prefix(1);
    pattern.remove_prefix(close + 1);
    const std::string_view literal = pattern.substr(0, pattern.find('{'));
    std::size_t end = uri.size();
    if (!literal.empty())
      end = pattern.size() == literal.size() ? uri.rfind(literal) : uri.find(literal);
    if (end == std::string_view::npos || end == 0) return false;
    const std::string_view value = uri.substr(0, end);
    if (!slashes && value.find('/') != std::string_view::npos) return false;
    found(name, value);
    uri.remove_prefix(end);
  }
}

}  // namespace

bool fits_template(std::string_view uri_template, std::string_view uri) {
  return match_template(uri_template, uri, [](std::string_view, std::string_view) {});
}

std::optional<std::string> template_variable(std::string_view uri_template, std::string_view uri,
                                             std::string_view variable) {
  std::optional<std::string> value;
  const bool fits =
      match_template(uri_template, uri, [&](std::string_view name, std::string_view raw) {
        if (name != variable) return;
        std::string decoded(raw.size() + 1, '\0');
        const auto text = percent_decode(raw, decoded);
        if (text && is_valid_utf8(*text)) value = std::string(*text);
      });
  return fits ? value : std::nullopt;
}

}  // namespace ringcast
