// What an MCP server offers: its tools, prompts and resources.
//
//   McpServer server({.name = "weather", .version = "1.0"});
//   server.tool({.name = "forecast",
//                .description = "The weather of tomorrow.",
//                .input_schema = R"({"type":"object","properties":{"city":{"type":"string"}},
//                                    "required":["city"]})"},
//               [](McpCall& call) -> Task<void> {
//                 call.text(fmt::format("Sunny in {}.", call.string("city")));
//                 co_return;
//               });
//   return serve_mcp("127.0.0.1:9000", server) ? 0 : 1;  // protocol/mcp/mcp_program.h
//
// A handler is a coroutine on the core whose client calls; protocol/mcp/mcp_call.h says what it can
// do. It may be a lambda with captures, since the server keeps the lambda as long as it runs; what
// it refers to is shared by all cores.
//
// Everything is registered before the server starts and does not change after; lists are sent in
// the order of registration. What does change (documents, prompts of a directory) comes from an
// McpSource. A mistake in a registration, such as a schema that cannot be checked, is kept: error()
// tells the first, and nothing starts with it.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "core/task.h"
#include "protocol/mcp/json_schema.h"

namespace ringcast {

struct Principal;

class McpCall;
using McpHandler = std::function<Task<void>(McpCall&)>;

struct McpServerInfo {
  std::string name;
  std::string version;
  std::string title{};
  std::string instructions{};  // for the model
};

// Whether a call may, or has to, become a task that the client asks after (extension
// io.modelcontextprotocol/tasks; `execution.taskSupport` of 2025-11-25).
enum class McpTaskSupport : std::uint8_t { forbidden, optional, required };

// Members that are JSON are sent as they are; empty ones are left out.
struct McpTool {
  std::string name;  // 1 to 128 of A-Z a-z 0-9 _ - . /
  std::string title{};
  std::string description{};
  std::string input_schema = R"({"type":"object"})";  // JSON Schema 2020-12, of an object
  std::string output_schema{};                        // of what structured() gives
  std::string annotations{};                          // JSON
  std::string icons{};                                // JSON
  std::string meta{};                                 // JSON, `_meta`
  McpTaskSupport tasks = McpTaskSupport::forbidden;
  // Capabilities without which it cannot be called: "sampling", "elicitation", "roots".
  std::vector<std::string> needs{};
};

struct McpPromptArgument {
  std::string name;
  std::string description{};
  bool required = false;
};

struct McpPrompt {
  std::string name;
  std::string title{};
  std::string description{};
  std::vector<McpPromptArgument> arguments{};
  std::string icons{};  // JSON
};

// A resource, or with `{name}` in its URI a template of resources (RFC 6570, level 1: a variable is
// anything up to the next slash; `{+name}` also takes slashes).
struct McpResource {
  std::string uri;
  std::string name;
  std::string title{};
  std::string description{};
  std::string mime_type{};
  std::string annotations{};  // JSON
  std::string icons{};        // JSON
  std::optional<std::uint64_t> bytes{};
};

// Suggestions for what is being typed; `argument` of the prompt or template `name`.
struct McpCompletionRequest {
  std::string_view name;
  std::string_view argument;
  std::string_view value;          // what is there so far
  const Principal* who = nullptr;  // who asks; null: everybody may see everything
};
using McpCompleter = std::function<std::vector<std::string>(const McpCompletionRequest&)>;

class McpServer {
 public:
  struct Tool {
    McpTool about;
    McpHandler handler;
    JsonSchema input;
    std::optional<JsonSchema> output;
    std::string json;  // as listed
    // `x-mcp-header` of the input's properties: the parameter and its header.
    struct HeaderParameter {
      std::string property;
      std::string header;  // Mcp-Param-NAME
    };
    std::vector<HeaderParameter> headers;
  };
  struct Prompt {
    McpPrompt about;
    McpHandler handler;
    std::string json;
  };
  struct Resource {
    McpResource about;
    McpHandler handler;
    std::string json;
    bool is_template;
  };

  explicit McpServer(McpServerInfo info);
  McpServer(const McpServer&) = delete;
  McpServer& operator=(const McpServer&) = delete;
  ~McpServer();

  void tool(McpTool about, McpHandler handler);
  void prompt(McpPrompt about, McpHandler handler);
  void resource(McpResource about, McpHandler handler);
  void complete(McpCompleter completer) { completer_ = std::move(completer); }

  const McpServerInfo& info() const { return info_; }
  const std::string& info_json() const { return info_json_; }  // name, version, title
  const std::optional<Error>& error() const { return error_; }

  const std::vector<std::unique_ptr<Tool>>& tools() const { return tools_; }
  const std::vector<std::unique_ptr<Prompt>>& prompts() const { return prompts_; }
  const std::vector<std::unique_ptr<Resource>>& resources() const { return resources_; }
  const std::vector<std::unique_ptr<Resource>>& templates() const { return templates_; }
  const McpCompleter& completer() const { return completer_; }
  bool has_tasks() const { return has_tasks_; }

  const Tool* find_tool(std::string_view name) const;
  const Prompt* find_prompt(std::string_view name) const;
  // The resource of that URI, or the first template that it fits.
  const Resource* find_resource(std::string_view uri) const;

 private:
  void refuse(std::string message);

  McpServerInfo info_;
  std::string info_json_;
  std::optional<Error> error_;
  std::vector<std::unique_ptr<Tool>> tools_;
  std::vector<std::unique_ptr<Prompt>> prompts_;
  std::vector<std::unique_ptr<Resource>> resources_;
  std::vector<std::unique_ptr<Resource>> templates_;
  std::unordered_map<std::string_view, const Tool*> tools_by_name_;
  McpCompleter completer_;
  bool has_tasks_ = false;
};

// The value of a template's variable in a URI that fits it, decoded; nothing if it does not fit.
std::optional<std::string> template_variable(std::string_view uri_template, std::string_view uri,
                                             std::string_view variable);
bool fits_template(std::string_view uri_template, std::string_view uri);

}  // namespace ringcast
