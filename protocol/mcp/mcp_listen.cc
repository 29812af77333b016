// Change notices of the stateless revisions: subscriptions/listen (2026-07-28), a request whose
// response is a stream of them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_methods.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

bool wants(const dom::object& wanted, std::string_view name) {
  bool value = false;
  return wanted[name].get_bool().get(value) == simdjson::SUCCESS && value;
}

// The texts of a list; those that are none are passed over.
std::vector<std::string> texts(const dom::object& wanted, std::string_view name) {
  std::vector<std::string> found;
  dom::array list;
  if (wanted[name].get_array().get(list) != simdjson::SUCCESS) return found;
  for (const dom::element element : list) {
    std::string_view text;
    if (element.get_string().get(text) == simdjson::SUCCESS) found.emplace_back(text);
  }
  return found;
}

std::string acknowledgement(const McpListener& listener) {
  std::string honoured;
  const auto begin = [&](std::string_view name) {
    honoured += fmt::format(R"({}"{}":)", honoured.empty() ? "" : ",", name);
  };
  const auto add_flag = [&](bool on, std::string_view name) {
    if (!on) return;
    begin(name);
    honoured += "true";
  };
  const auto add_texts = [&](const std::vector<std::string>& list, std::string_view name) {
    if (list.empty()) return;
    begin(name);
    for (const std::string& text : list) {
      honoured += &text == &list.front() ? '[' : ',';
      append_json_string(honoured, text);
    }
    honoured += ']';
  };
  add_flag(listener.tools, "toolsListChanged");
  add_flag(listener.prompts, "promptsListChanged");
  add_flag(listener.resources, "resourcesListChanged");
  add_texts(listener.uris, "resourceSubscriptions");
  add_texts(listener.task_ids, "taskIds");
  return fmt::format(
      R"({{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":)"
      R"({{"_meta":{{"{}":{}}},"notifications":{{{}}}}}}})",
      mcp_meta::kSubscription, listener.id, honoured);
}

}  // namespace

// Lasts until the client goes, cancels, or the server drains.
Task<void> McpMethods::listen(McpCall& call) {
  dom::object wanted;
  if (call.message_.params["notifications"].get_object().get(wanted) != simdjson::SUCCESS) {
    call.refuse(rpc::kInvalidParams, "`notifications` says what to listen for.");
    co_return;
  }
  std::vector<std::string> task_ids = texts(wanted, "taskIds");
  McpListener listener;
  listener.id = call.id_;
  listener.tools = wants(wanted, "toolsListChanged");
  listener.prompts = wants(wanted, "promptsListChanged");
  listener.resources = wants(wanted, "resourcesListChanged");
  listener.uris = texts(wanted, "resourceSubscriptions");
  if (listener.uris.size() + task_ids.size() > call.endpoint_.options().max_subscriptions) {
    call.refuse(rpc::kInvalidParams, "This is more than one may follow (mcp.max_subscriptions).");
    co_return;
  }
  for (std::string& id : task_ids) {
    if (co_await McpTasks::look(call, id)) listener.task_ids.push_back(std::move(id));
  }
  std::erase_if(listener.uris, [&call](const std::string& uri) {
    return !call.endpoint_.allows(call.who(), uri);
  });
  if (call.endpoint_.draining()) {
    call.refuse(rpc::kInternalError, "This server is shutting down.");
    co_return;
  }
  if (!call.endpoint_.add_listener(listener)) {
    call.refuse(rpc::kInternalError, "As many listen as this server takes (mcp.max_listeners).");
    co_return;
  }
  call.listener_ = &listener;
  listener.stream = &call.stream();
  call.notify(acknowledgement(listener));
  co_await tell_tasks(call, listener);
  constexpr auto kLong = std::chrono::hours(1);
  while (co_await call.sleep(kLong)) {
  }
  call.listener_ = nullptr;
  call.endpoint_.remove_listener(listener);
  call.body_ = fmt::format(R"("_meta":{{"{}":{}}})", mcp_meta::kSubscription, call.id_);
}

// How its tasks stand now: what happened before it listened, it would never hear of.
Task<void> McpMethods::tell_tasks(McpCall& call, const McpListener& listener) {
  for (const std::string& id : listener.task_ids) {
    const auto task = co_await McpTasks::look(call, id);
    if (!task) continue;
    call.notify(fmt::format(
        R"({{"jsonrpc":"2.0","method":"notifications/tasks","params":{{"_meta":{{"{}":{}}},{}}}}})",
        mcp_meta::kSubscription, listener.id, *task));
  }
}

}  // namespace ringcast
