// How a handler asks the client, in each of the three ways there are: over the session's stream,
// by an interim result that the client answers by asking again, or through a task.
#include <fmt/format.h>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_call.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_session.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

std::string request_json(std::string_view method, std::string_view params) {
  std::string json = fmt::format(R"({{"method":"{}")", method);
  if (!params.empty()) json.append(",\"params\":").append(params);
  return json + "}";
}

// What an answer has to look like, so that a handler is asked again rather than misled.
bool is_answer(std::string_view method, const dom::object& value) {
  dom::element member;
  std::string_view action;
  if (method == "elicitation/create") {
    if (value["action"].get_string().get(action) != simdjson::SUCCESS) return false;
    return action == "accept" || action == "decline" || action == "cancel";
  }
  if (method == "roots/list") return value["roots"].is_array();
  return value["content"].get(member) == simdjson::SUCCESS;
}

}  // namespace

// An answer that came with this request, or with an earlier round of it.
std::optional<McpAnswer> McpCall::answer_at_hand(std::string_view key) {
  for (const auto* const from : {&answers_, &earlier_}) {
    dom::object value;
    if (*from && (**from)[key].get_object().get(value) == simdjson::SUCCESS) {
      return McpAnswer(std::string(simdjson::minify(value)));
    }
  }
  return std::nullopt;
}

Task<McpAnswer> McpCall::ask(std::string_view key, std::string_view method, std::string_view params,
                             bool supported) {
  if (!supported) {
    lacking_ = method.substr(0, method.find('/'));
    co_return McpAnswer(McpAnswer::State::unsupported);
  }
  if (cancelled()) co_return McpAnswer(McpAnswer::State::ended);
  std::string request = request_json(method, params);
  if (task_ != nullptr) co_return co_await task_->ask(key, request);
  if (early_) co_return McpAnswer(McpAnswer::State::ended);
  if (is_stateless(revision_)) {
    if (auto answer = answer_at_hand(key)) {
      dom::object value;
      if (answer->value().get_object().get(value) == simdjson::SUCCESS &&
          is_answer(method, value)) {
        answered_ += answered_.empty() ? "" : ",";
        append_json_string(answered_, key);
        answered_.append(":").append(answer->json());
        co_return std::move(*answer);
      }
    }
    asked_ += asked_.empty() ? "" : ",";
    append_json_string(asked_, key);
    asked_.append(":").append(request);
    co_return McpAnswer(McpAnswer::State::pending);
  }
  if (session_ == nullptr) co_return McpAnswer(McpAnswer::State::unsupported);
  const std::string id = session_->next_ask_id();
  notify(fmt::format(R"({{"jsonrpc":"2.0","id":{},{})", id, std::string_view(request).substr(1)));
  const auto patience_ns =
      static_cast<std::int64_t>(endpoint_.options().ask_timeout_ms) * 1'000'000;
  McpAnswer answer = co_await McpSession::Asking(*session_, *scope_, id,
                                                 endpoint_.reactor().now_ns() + patience_ns);
  unanswered_ = unanswered_ || !answer;
  co_return answer;
}

}  // namespace ringcast
