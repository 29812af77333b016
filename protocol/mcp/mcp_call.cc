#include "protocol/mcp/mcp_call.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_session.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::array<std::string_view, 8> kLogLevels = {"debug", "info",     "notice", "warning",
                                                        "error", "critical", "alert",  "emergency"};

bool has_object(const dom::object& in, std::string_view name) {
  dom::object object;
  return in[name].get_object().get(object) == simdjson::SUCCESS;
}

void member(std::string& out, std::string_view key, std::string_view text) {
  out.append("\"").append(key).append("\":");
  append_json_string(out, text);
}

void append_media(std::string& out, std::string_view type, std::string_view base64,
                  std::string_view mime_type) {
  out.append(R"({"type":")").append(type).append(R"(","data":")").append(base64).append("\",");
  member(out, "mimeType", mime_type);
  out += '}';
}

}  // namespace

std::optional<McpLogLevel> find_log_level(std::string_view name) {
  const auto* const found = std::ranges::find(kLogLevels, name);
  if (found == kLogLevels.end()) return std::nullopt;
  return static_cast<McpLogLevel>(found - kLogLevels.begin());
}

bool McpCapabilities::has(std::string_view name) const {
  return (name == "sampling" && sampling) || (name == "elicitation" && elicitation) ||
         (name == "roots" && roots);
}

McpCapabilities read_capabilities(dom::object object) {
  McpCapabilities out;
  out.sampling = has_object(object, "sampling");
  out.roots = has_object(object, "roots");
  dom::object elicitation;
  if (object["elicitation"].get_object().get(elicitation) == simdjson::SUCCESS) {
    out.url_elicitation = has_object(elicitation, "url");
    out.elicitation = has_object(elicitation, "form") || !out.url_elicitation;
  }
  dom::object extensions;
  if (object["extensions"].get_object().get(extensions) == simdjson::SUCCESS) {
    out.tasks = has_object(extensions, mcp_meta::kTasks);
  }
  return out;
}

// --- answers ---

McpAnswer::McpAnswer(std::string json)
    : state_(State::answered), json_(std::move(json)), parser_(std::make_shared<dom::parser>()) {
  if (parser_->parse(json_).get(value_) != simdjson::SUCCESS) state_ = State::refused;
}

std::string_view McpAnswer::action() const {
  std::string_view action;
  if (state_ != State::answered || value_["action"].get_string().get(action) != simdjson::SUCCESS) {
    return {};
  }
  return action;
}

simdjson::simdjson_result<dom::element> McpAnswer::content(std::string_view name) const {
  if (state_ != State::answered) return simdjson::NO_SUCH_FIELD;
  return value_["content"][name];
}

// --- the request ---

McpCall::McpCall(McpEndpoint& endpoint) : endpoint_(endpoint) {}

McpCall::~McpCall() = default;

const McpServer& McpCall::server() const { return endpoint_.server(); }

// Ready for the next; strings keep their memory.
void McpCall::reset() {
  parser_.trim();
  id_.clear();
  method_.clear();
  name_.clear();
  revision_ = kNewestWithSessions;
  client_ = {};
  log_level_ = McpLogLevel::off;
  has_arguments_ = false;
  meta_.reset();
  progress_token_.clear();
  template_ = {};
  principal_.clear();
  who_.reset();
  held_.leave();
  held_.forget();
  listener_ = nullptr;
  tool_ = nullptr;
  session_ = nullptr;
  owner_ = nullptr;
  task_ = nullptr;
  scope_.reset();
  stream_ = nullptr;
  own_stream_.reset();
  started_ = done_ = handler_ended_ = early_ = given_ = unwanted_ = false;
  notices_only_ = false;
  closes_stream_ = false;
  muted_ = counted_ = false;
  items_.clear();
  structured_.clear();
  description_.clear();
  role_ = "user";
  in_prompt_ = false;
  is_error_ = false;
  refusal_.reset();
  body_.clear();
  output_.clear();
  reply_.clear();
  asked_.clear();
  answered_.clear();
  answers_.reset();
  earlier_.reset();
  state_parser_.reset();
  kept_.clear();
  kept_before_.clear();
  lacking_ = {};
  unanswered_ = false;
}

bool McpCall::has(std::string_view argument) const {
  dom::element element;
  return has_arguments_ && arguments_[argument].get(element) == simdjson::SUCCESS;
}

std::string_view McpCall::string(std::string_view argument, std::string_view otherwise) const {
  std::string_view value;
  if (!has_arguments_ || arguments_[argument].get_string().get(value) != simdjson::SUCCESS) {
    return otherwise;
  }
  return value;
}

std::int64_t McpCall::integer(std::string_view argument, std::int64_t otherwise) const {
  std::int64_t value = 0;
  if (!has_arguments_ || arguments_[argument].get_int64().get(value) != simdjson::SUCCESS) {
    return otherwise;
  }
  return value;
}

double McpCall::number(std::string_view argument, double otherwise) const {
  double value = 0;
  if (!has_arguments_ || arguments_[argument].get_double().get(value) != simdjson::SUCCESS) {
    return otherwise;
  }
  return value;
}

bool McpCall::flag(std::string_view argument, bool otherwise) const {
  bool value = false;
  if (!has_arguments_ || arguments_[argument].get_bool().get(value) != simdjson::SUCCESS) {
    return otherwise;
  }
  return value;
}

std::optional<std::string> McpCall::variable(std::string_view name) const {
  return template_variable(template_, name_, name);
}

// --- the result ---

// In a prompt each piece of content is a message.
void McpCall::begin_item() {
  if (!items_.empty()) items_ += ',';
  if (in_prompt_) items_.append(R"({"role":")").append(role_).append(R"(","content":)");
}

void McpCall::end_item() {
  if (in_prompt_) items_ += '}';
}

void McpCall::text(std::string_view text) {
  if (method_ == "resources/read") return embed_text(name_, "text/plain", text);
  begin_item();
  items_ += R"({"type":"text",)";
  member(items_, "text", text);
  items_ += '}';
  end_item();
}

void McpCall::image(std::string_view base64, std::string_view mime_type) {
  begin_item();
  append_media(items_, "image", base64, mime_type);
  end_item();
}

void McpCall::audio(std::string_view base64, std::string_view mime_type) {
  begin_item();
  append_media(items_, "audio", base64, mime_type);
  end_item();
}

// The contents of a resource stand alone in its result, and inside of content elsewhere.
void McpCall::begin_embedded(std::string_view uri, std::string_view mime_type) {
  begin_item();
  items_ += method_ == "resources/read" ? "{" : R"({"type":"resource","resource":{)";
  member(items_, "uri", uri);
  if (!mime_type.empty()) {
    items_ += ',';
    member(items_, "mimeType", mime_type);
  }
}

void McpCall::embed_text(std::string_view uri, std::string_view mime_type, std::string_view text) {
  begin_embedded(uri, mime_type);
  items_ += ',';
  member(items_, "text", text);
  items_ += method_ == "resources/read" ? "}" : "}}";
  end_item();
}

void McpCall::embed_blob(std::string_view uri, std::string_view mime_type,
                         std::string_view base64) {
  begin_embedded(uri, mime_type);
  items_.append(R"(,"blob":")").append(base64).append("\"");
  items_ += method_ == "resources/read" ? "}" : "}}";
  end_item();
}

void McpCall::link(std::string_view uri, std::string_view name, std::string_view mime_type) {
  begin_item();
  items_ += R"({"type":"resource_link",)";
  member(items_, "uri", uri);
  items_ += ',';
  member(items_, "name", name);
  if (!mime_type.empty()) {
    items_ += ',';
    member(items_, "mimeType", mime_type);
  }
  items_ += '}';
  end_item();
}

void McpCall::content(std::string_view json) {
  begin_item();
  items_ += json;
  end_item();
}

void McpCall::structured(std::string_view json) {
  dom::parser parser;
  dom::element element;
  RINGCAST_CHECK(parser.parse(json.data(), json.size()).get(element) == simdjson::SUCCESS);
  structured_ = simdjson::minify(element);
}

void McpCall::fail(std::string_view message) {
  items_.clear();
  is_error_ = true;
  text(message);
}

void McpCall::refuse(int code, std::string message, std::string data) {
  refusal_ = RpcError{.code = code, .message = std::move(message), .data = std::move(data)};
}

void McpCall::forbid(Action action, std::string_view what) {
  const std::string scope =
      fmt::format("{}:{}", kActionNames[static_cast<std::size_t>(action)], what);
  std::string data = "{\"scope\":";
  append_json_string(data, scope);
  refuse(rpc::kForbidden, fmt::format("What you bring does not grant {}.", scope), data + '}');
  refusal_->scope = scope;
}

// --- whether it may go on ---

// What goes on as a task was taken on while the token held.
void McpCall::Held::over(StandingEnd why) {
  if (call_.early_ && why == StandingEnd::expired) return;
  ended_ = why;
  call_.scope_->cancel();
}

bool McpCall::still_granted() const {
  const bool tool = method_ == "tools/call";
  if (tool ? !may(Action::tools, name_) : !who()->grants.allows_some(Action::tools)) return false;
  return listener_ == nullptr || std::ranges::all_of(listener_->uris, [this](const auto& uri) {
           return endpoint_.allows(who(), uri);
         });
}

void McpCall::refuse_ended(StandingEnd why) {
  refuse(rpc::kAccessEnded, std::string(standing_message(why)),
         fmt::format(R"({{"code":"{}"}})", standing_code(why)));
}

// --- meanwhile ---

McpStream& McpCall::stream() {
  if (stream_ != nullptr) return *stream_;
  closes_stream_ = true;
  if (session_ != nullptr) {
    stream_ = &session_->open_stream();
  } else {
    own_stream_ = std::make_unique<McpStream>(endpoint_.reactor(), 0, endpoint_.options().stream);
    stream_ = own_stream_.get();
  }
  if (owner_ != nullptr) owner_->call_moved();
  return *stream_;
}

void McpCall::notify(std::string_view json) {
  if (muted_) return;
  stream().push(json);
  endpoint_.counters.notifications.add();
}

Task<bool> McpCall::progress(double done, std::optional<double> total, std::string_view message) {
  if (cancelled()) co_return false;
  if (progress_token_.empty() || early_ || muted_) co_return true;
  notice_.clear();
  fmt::format_to(std::back_inserter(notice_),
                 R"({{"jsonrpc":"2.0","method":"notifications/progress","params":)"
                 R"({{"progressToken":{},"progress":{})",
                 progress_token_, done);
  if (total) fmt::format_to(std::back_inserter(notice_), ",\"total\":{}", *total);
  if (!message.empty() && revision_ >= McpRevision::r2025_03_26) {
    notice_ += ',';
    member(notice_, "message", message);
  }
  notice_ += "}}";
  notify(notice_);
  co_return co_await stream().room(*scope_);
}

void McpCall::log(McpLogLevel level, std::string_view logger, std::string_view data) {
  if (level < log_level_ || log_level_ == McpLogLevel::off || cancelled() || early_) return;
  notice_.clear();
  fmt::format_to(std::back_inserter(notice_),
                 R"({{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{}",)",
                 kLogLevels[static_cast<std::size_t>(level)]);
  if (!logger.empty()) {
    member(notice_, "logger", logger);
    notice_ += ',';
  }
  notice_.append("\"data\":").append(data).append("}}");
  notify(notice_);
}

Task<bool> McpCall::sleep(std::chrono::nanoseconds time) {
  co_return co_await scope_->sleep(time.count());
}

void McpCall::let_client_poll(std::int64_t retry_ms) {
  if (session_ == nullptr || session_->kind() != McpSession::Kind::streamable) return;
  if (revision_ < McpRevision::r2025_11_25 || early_) return;
  stream().dismiss(retry_ms);
}

void McpCall::become_task() {
  if (early_ || !is_stateless(revision_) || !client_.tasks || cancelled()) return;
  if (!endpoint_.tasks().make(*this, endpoint_.options().task_ttl_ms)) scope_->cancel();
}

// --- asking the client ---

Task<McpAnswer> McpCall::elicit(std::string_view key, std::string_view message,
                                std::string_view schema) {
  std::string params = "{";
  if (revision_ >= McpRevision::r2025_11_25) params += R"("mode":"form",)";
  member(params, "message", message);
  params.append(",\"requestedSchema\":").append(schema).append("}");
  co_return co_await ask(key, "elicitation/create", params, client_.elicitation);
}

Task<McpAnswer> McpCall::elicit_url(std::string_view key, std::string_view message,
                                    std::string_view url, std::string_view elicitation_id) {
  std::string params = R"({"mode":"url",)";
  member(params, "message", message);
  params += ',';
  member(params, "url", url);
  params += ',';
  member(params, "elicitationId", elicitation_id);
  params += '}';
  co_return co_await ask(key, "elicitation/create", params, client_.url_elicitation);
}

Task<McpAnswer> McpCall::sample(std::string_view key, std::string_view params) {
  co_return co_await ask(key, "sampling/createMessage", params, client_.sampling);
}

Task<McpAnswer> McpCall::roots(std::string_view key) {
  co_return co_await ask(key, "roots/list", {}, client_.roots);
}

}  // namespace ringcast
