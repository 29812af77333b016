#include "protocol/mcp/mcp_methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_request_state.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {

namespace dom = simdjson::dom;

struct McpMethods::Method {
  std::string_view name;
  McpRevision first;
  McpRevision last;
  Serve serve;
};

namespace {

constexpr McpRevision kFirst = McpRevision::r2024_11_05;
constexpr McpRevision kLast = McpRevision::r2026_07_28;
constexpr McpRevision kSessions = kNewestWithSessions;

void invalid_params(McpCall& call, std::string message, std::string data = {}) {
  call.refuse(rpc::kInvalidParams, std::move(message), std::move(data));
}

// Whether a subscriptions/listen asks for the status of tasks.
bool follows_tasks(const McpCall& call) {
  dom::object wanted;
  dom::array ids;
  return call.method() == "subscriptions/listen" && call.parameters() != nullptr &&
         (*call.parameters())["notifications"].get_object().get(wanted) == simdjson::SUCCESS &&
         wanted["taskIds"].get_array().get(ids) == simdjson::SUCCESS && ids.begin() != ids.end();
}

RpcError lacking(std::string_view capabilities) {
  return {.code = rpc::kMissingCapability,
          .message = "The client has not declared a capability that this needs.",
          .data = fmt::format(R"({{"requiredCapabilities":{}}})", capabilities)};
}

void no_such_resource(McpCall& call) {
  std::string data = R"({"uri":)";
  append_json_string(data, call.name());
  call.refuse(is_stateless(call.revision()) ? rpc::kInvalidParams : rpc::kResourceNotFound,
              "There is no such resource.", data + "}");
}

// Parameters of this name, or an empty text.
std::string_view parameter(const dom::object* params, std::string_view name) {
  std::string_view value;
  if (params == nullptr || (*params)[name].get_string().get(value) != simdjson::SUCCESS) return {};
  return value;
}

}  // namespace

const McpMethods::Method* McpMethods::find(McpRevision revision, std::string_view name) {
  using enum McpRevision;
  static constexpr std::array kMethods = {
      Method{"tools/call", kFirst, kLast, call_tool},
      Method{"tools/list", kFirst, kLast, list_tools},
      Method{"prompts/get", kFirst, kLast, get_prompt},
      Method{"prompts/list", kFirst, kLast, list_prompts},
      Method{"resources/read", kFirst, kLast, read_resource},
      Method{"resources/list", kFirst, kLast, list_resources},
      Method{"resources/templates/list", kFirst, kLast, list_templates},
      Method{"completion/complete", kFirst, kLast, complete},
      Method{"initialize", kFirst, kSessions, initialize},
      Method{"ping", kFirst, kSessions, ping},
      Method{"logging/setLevel", kFirst, kSessions, set_level},
      Method{"resources/subscribe", kFirst, kSessions, subscribe},
      Method{"resources/unsubscribe", kFirst, kSessions, unsubscribe},
      Method{"server/discover", r2026_07_28, kLast, discover},
      Method{"subscriptions/listen", r2026_07_28, kLast, listen},
      Method{"tasks/get", r2025_11_25, kLast, McpTasks::get},
      Method{"tasks/cancel", r2025_11_25, kLast, McpTasks::cancel},
      Method{"tasks/update", r2026_07_28, kLast, McpTasks::update},
      Method{"tasks/result", r2025_11_25, r2025_11_25, McpTasks::result},
      Method{"tasks/list", r2025_11_25, r2025_11_25, McpTasks::list},
  };
  for (const Method& method : kMethods) {
    if (method.name == name && revision >= method.first && revision <= method.last) return &method;
  }
  return nullptr;
}

bool McpMethods::knows(McpRevision revision, std::string_view method) {
  return find(revision, method) != nullptr;
}

std::optional<RpcError> McpMethods::check(const McpCall& call) {
  if (!knows(call.revision_, call.method_)) {
    return RpcError{.code = rpc::kMethodNotFound, .message = "There is no such method."};
  }
  if (!is_stateless(call.revision_)) return std::nullopt;
  if (!call.client_.tasks && (call.method_.starts_with("tasks/") || follows_tasks(call))) {
    return lacking_tasks();
  }
  if (call.method_ != "tools/call") return std::nullopt;
  const McpServer::Tool* const tool = call.tool_;
  if (tool == nullptr) return std::nullopt;
  for (const std::string& need : tool->about.needs) {
    if (!call.client_.has(need)) return lacking(fmt::format(R"({{"{}":{{}}}})", need));
  }
  if (tool->about.tasks == McpTaskSupport::required && !call.client_.tasks) return lacking_tasks();
  return std::nullopt;
}

RpcError McpMethods::lacking_tasks() {
  return lacking(fmt::format(R"({{"extensions":{{"{}":{{}}}}}})", mcp_meta::kTasks));
}

Task<void> McpMethods::serve(McpCall& call) {
  const Method* const method = find(call.revision_, call.method_);
  if (method == nullptr) {
    call.refuse(rpc::kMethodNotFound, "There is no such method.");
    co_return;
  }
  const bool greets = call.method_ == "initialize" || call.method_ == "ping";
  if (!is_stateless(call.revision_) && !greets &&
      (call.session_ == nullptr || !call.session_->initialized())) {
    call.refuse(rpc::kInvalidRequest, "The session begins with `initialize`.");
    co_return;
  }
  if (!greets) {
    if (auto error = check(call)) {
      call.refusal_ = std::move(error);
      co_return;
    }
  }
  co_await method->serve(call);
}

// --- the beginning ---

namespace {

std::string capabilities_json(const McpServer& server, bool stateless, bool with_tasks) {
  std::string json = "{";
  const auto add = [&](std::string_view member) {
    if (json.size() > 1) json += ',';
    json += member;
  };
  add(R"("tools":{"listChanged":true})");
  add(R"("prompts":{"listChanged":true})");
  add(R"("resources":{"subscribe":true,"listChanged":true})");
  add(R"("completions":{})");
  add(R"("logging":{})");
  if (server.has_tasks() && stateless) {
    add(fmt::format(R"("extensions":{{"{}":{{}}}})", mcp_meta::kTasks));
  } else if (server.has_tasks() && with_tasks) {
    add(R"("tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}})");
  }
  return json + "}";
}

void append_instructions(std::string& out, const McpServer& server) {
  if (server.info().instructions.empty()) return;
  out += R"(,"instructions":)";
  append_json_string(out, server.info().instructions);
}

}  // namespace

std::optional<RpcError> McpMethods::check_initialize(const McpCall& call) {
  dom::object capabilities;
  const dom::object* const params = call.parameters();
  if (params != nullptr && !parameter(params, "protocolVersion").empty() &&
      (*params)["capabilities"].get_object().get(capabilities) == simdjson::SUCCESS) {
    return std::nullopt;
  }
  return RpcError{.code = rpc::kInvalidParams,
                  .message = "`initialize` needs `protocolVersion` and `capabilities`."};
}

Task<void> McpMethods::initialize(McpCall& call) {
  McpSession* const session = call.session_;
  call.refusal_ = check_initialize(call);
  if (call.refusal_) co_return;
  if (session == nullptr || session->initialized()) {
    call.refuse(rpc::kInvalidRequest, "The session has begun already.");
    co_return;
  }
  const dom::object params = call.message_.params;
  auto revision = find_revision(parameter(&params, "protocolVersion"));
  if (!revision || is_stateless(*revision)) revision = kNewestWithSessions;
  dom::object capabilities;
  if (params["capabilities"].get_object().get(capabilities) != simdjson::SUCCESS) co_return;
  session->initialize(*revision, read_capabilities(capabilities));
  const McpServer& server = call.endpoint_.server();
  call.body_ = fmt::format(
      R"("protocolVersion":"{}","capabilities":{},"serverInfo":{})", revision_text(*revision),
      capabilities_json(server, false, *revision >= kNewestWithSessions), server.info_json());
  append_instructions(call.body_, server);
}

Task<void> McpMethods::discover(McpCall& call) {
  const McpServer& server = call.endpoint_.server();
  call.body_ =
      fmt::format(R"("supportedVersions":["{}"],"capabilities":{},"serverInfo":{})",
                  revision_text(kLast), capabilities_json(server, true, true), server.info_json());
  append_instructions(call.body_, server);
  co_return;
}

Task<void> McpMethods::ping(McpCall&) { co_return; }

Task<void> McpMethods::set_level(McpCall& call) {
  const auto level = find_log_level(
      parameter(call.message_.has_params ? &call.message_.params : nullptr, "level"));
  if (!level) {
    invalid_params(call,
                   "`level` is one of debug, info, notice, warning, error, critical, alert, "
                   "emergency.");
    co_return;
  }
  call.session_->set_log_level(*level);
}

// --- tools ---

bool McpMethods::read_answers(McpCall& call) {
  if (!is_stateless(call.revision_)) return true;
  const dom::object& params = call.message_.params;
  dom::object answers;
  if (params["inputResponses"].get_object().get(answers) == simdjson::SUCCESS) {
    call.answers_ = answers;
  }
  dom::element state;
  if (params["requestState"].get(state) != simdjson::SUCCESS) return true;
  std::string_view sealed;
  if (state.get_string().get(sealed) != simdjson::SUCCESS) return false;
  McpEndpoint& endpoint = call.endpoint_;
  auto opened = unseal(sealed, call.identity(), endpoint.shared().key,
                       endpoint.reactor().driver().wall_clock_ms());
  if (!opened) return false;
  call.kept_before_ = std::move(opened->kept);
  if (opened->answered.empty()) return true;
  call.state_parser_.emplace();
  dom::object earlier;
  if (call.state_parser_->parse("{" + opened->answered + "}").get_object().get(earlier) !=
      simdjson::SUCCESS) {
    return false;
  }
  call.earlier_ = earlier;
  return true;
}

Task<void> McpMethods::call_tool(McpCall& call) {
  const McpServer::Tool* const tool = call.tool_;
  if (tool == nullptr) {
    invalid_params(call, call.name_.empty() ? "`name` is missing."
                                            : fmt::format("There is no tool `{}`.", call.name_));
    co_return;
  }
  if (!call.may(Action::tools, call.name_)) {
    call.forbid(Action::tools, call.name_);
    co_return;
  }
  dom::element given;
  const bool any = call.message_.params["arguments"].get(given) == simdjson::SUCCESS;
  if (any && !given.is_object()) {
    invalid_params(call, "`arguments` must be an object.");
    co_return;
  }
  if (!read_answers(call)) {
    invalid_params(call, "This request state is not valid here, or not any more.");
    co_return;
  }
  static dom::parser empty_parser;
  static const dom::element empty = empty_parser.parse("{}", 2);
  std::string wrong = tool->input.check(any ? given : empty);
  if (!wrong.empty()) {
    // From 2025-11-25 on the model is told, so that it can do better (SEP-1303).
    if (call.revision_ >= McpRevision::r2025_11_25) {
      call.fail(wrong);
    } else {
      invalid_params(call, std::move(wrong));
    }
    co_return;
  }
  if (co_await McpTasks::take_over(call, *tool)) co_return;
  co_await run_tool(call, *tool);
}

Task<void> McpMethods::run_tool(McpCall& call, const McpServer::Tool& tool) {
  co_await tool.handler(call);
  if (!call.asked_.empty() || call.refusal_ || call.is_error_) co_return;
  if (!tool.output || call.cancelled()) co_return;
  dom::parser parser;
  dom::element value;
  const bool fits = !call.structured_.empty() &&
                    parser.parse(call.structured_).get(value) == simdjson::SUCCESS &&
                    tool.output->check(value).empty();
  if (!fits) call.fail("The tool gave a result that does not fit its own schema.");
}

// --- prompts and resources ---

Task<void> McpMethods::get_prompt(McpCall& call) {
  const McpServer::Prompt* const prompt = call.endpoint_.server().find_prompt(call.name_);
  call.in_prompt_ = true;
  if (prompt == nullptr) {
    for (McpSource* const source : call.endpoint_.sources()) {
      if (co_await source->get_prompt(call)) co_return;
    }
    invalid_params(call, fmt::format("There is no prompt `{}`.", call.name_));
    co_return;
  }
  for (const McpPromptArgument& argument : prompt->about.arguments) {
    if (argument.required && !call.has(argument.name)) {
      invalid_params(call, fmt::format("Argument `{}` is missing.", argument.name));
      co_return;
    }
  }
  if (!read_answers(call)) {
    invalid_params(call, "This request state is not valid here, or not any more.");
    co_return;
  }
  call.description_ = prompt->about.description;
  co_await prompt->handler(call);
}

Task<void> McpMethods::read_resource(McpCall& call) {
  const McpServer::Resource* const resource = call.endpoint_.server().find_resource(call.name_);
  if (resource == nullptr) {
    for (McpSource* const source : call.endpoint_.sources()) {
      if (co_await source->read_resource(call)) co_return;
    }
    no_such_resource(call);
    co_return;
  }
  if (!read_answers(call)) {
    invalid_params(call, "This request state is not valid here, or not any more.");
    co_return;
  }
  if (resource->is_template) call.template_ = resource->about.uri;
  co_await resource->handler(call);
}

Task<void> McpMethods::subscribe(McpCall& call) {
  const McpEndpoint& endpoint = call.endpoint_;
  const auto has = [&call](const McpSource* source) { return source->has_resource(call.name_); };
  if (call.name_.empty()) {
    invalid_params(call, "`uri` is missing.");
  } else if (!endpoint.allows(call.who(), call.name_)) {
    call.refuse(rpc::kForbidden, "What you bring does not grant that.");
  } else if (endpoint.server().find_resource(call.name_) == nullptr &&
             std::ranges::none_of(endpoint.sources(), has)) {
    no_such_resource(call);
  } else if (!call.session_->subscribe(call.name_)) {
    invalid_params(call, "This session follows as many as it may (mcp.max_subscriptions).");
  }
  co_return;
}

Task<void> McpMethods::unsubscribe(McpCall& call) {
  call.session_->unsubscribe(call.name_);
  co_return;
}

namespace {

// What `completion/complete` is about; nothing if the parameters do not say.
struct ToComplete {
  McpCompletionRequest request;
  bool prompt;  // an argument of one; otherwise a variable of a template
};

std::optional<ToComplete> read_completion(const dom::object& params) {
  dom::object reference;
  dom::object argument;
  ToComplete out{};
  if (params["ref"].get_object().get(reference) != simdjson::SUCCESS ||
      params["argument"].get_object().get(argument) != simdjson::SUCCESS ||
      argument["name"].get_string().get(out.request.argument) != simdjson::SUCCESS ||
      argument["value"].get_string().get(out.request.value) != simdjson::SUCCESS) {
    return std::nullopt;
  }
  const std::string_view type = parameter(&reference, "type");
  out.prompt = type == "ref/prompt";
  if (!out.prompt && type != "ref/resource") return std::nullopt;
  out.request.name = parameter(&reference, out.prompt ? "name" : "uri");
  return out;
}

// Whether the server itself has the prompt, the template or, which a reference may be too, the
// resource.
bool is_registered(const McpServer& server, const ToComplete& wanted) {
  const std::string_view name = wanted.request.name;
  if (wanted.prompt) return server.find_prompt(name) != nullptr;
  if (!name.contains('{')) return server.find_resource(name) != nullptr;
  return std::ranges::any_of(server.templates(),
                             [name](const auto& one) { return one->about.uri == name; });
}

// False: there is nothing of that name.
Task<bool> find_suggestions(McpEndpoint& endpoint, const ToComplete& wanted,
                            McpSuggestions& found) {
  const McpCompletionRequest& request = wanted.request;
  const auto add = [&found](std::vector<std::string> values) {
    for (std::string& value : values) found.add(std::move(value));
  };
  const McpServer& server = endpoint.server();
  if (is_registered(server, wanted)) {
    if (server.completer()) add(server.completer()(request));
    co_return true;
  }
  for (McpSource* const source : endpoint.sources()) {
    if (!wanted.prompt) {
      if (co_await source->complete_template(request, found)) co_return true;
      if (source->has_resource(request.name)) co_return true;
    } else if (source->has_prompt(request.name)) {
      add(source->complete(request));
      co_return true;
    }
  }
  co_return false;
}

}  // namespace

Task<void> McpMethods::complete(McpCall& call) {
  const auto wanted = call.message_.has_params ? read_completion(call.message_.params)
                                               : std::optional<ToComplete>();
  if (!wanted) {
    invalid_params(call,
                   "`ref` is of type ref/prompt or ref/resource, `argument` has `name` and "
                   "`value`.");
    co_return;
  }
  McpSuggestions found;
  ToComplete asked = *wanted;
  // Looking may take many turns, and who asks may be known anew meanwhile.
  const PrincipalPtr who = call.held_.who() ? call.held_.who() : call.who_;
  asked.request.who = who.get();
  if (!co_await find_suggestions(call.endpoint_, asked, found)) {
    invalid_params(call, fmt::format("There is no {} `{}`.", wanted->prompt ? "prompt" : "template",
                                     wanted->request.name));
    co_return;
  }
  call.body_ = R"("completion":{"values":[)";
  for (std::size_t i = 0; i < found.values.size(); ++i) {
    if (i > 0) call.body_ += ',';
    append_json_string(call.body_, found.values[i]);
  }
  call.body_ +=
      fmt::format(R"(],"total":{},"hasMore":{}}})", found.total, found.total > found.values.size());
}

}  // namespace ringcast
