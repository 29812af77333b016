// The lists of MCP, page by page; the results around what a method wrote.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_endpoint.h"
#include "protocol/mcp/mcp_methods.h"
#include "protocol/mcp/mcp_request_state.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

// Cursors are where a page begins. Nobody but us is to read that into them.
constexpr std::string_view kCursorPrefix = "p";

std::optional<std::size_t> page_begin(const RpcMessage& message) {
  dom::element cursor;
  if (!message.has_params || message.params["cursor"].get(cursor) != simdjson::SUCCESS) return 0;
  std::string_view text;
  if (cursor.get_string().get(text) != simdjson::SUCCESS || !text.starts_with(kCursorPrefix)) {
    return std::nullopt;
  }
  text.remove_prefix(kCursorPrefix.size());
  std::size_t begin = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), begin);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return begin;
}

// `"KEY":[…]` of the page that was asked for, and where the next begins.
std::optional<std::string> page(const RpcMessage& message, std::string_view key,
                                const std::vector<std::string_view>& list, std::size_t page_items,
                                bool may_shrink) {
  const auto begin = page_begin(message);
  if (!begin || (*begin > 0 && *begin >= list.size() && !may_shrink)) return std::nullopt;
  // What changes may have become shorter since the cursor was given.
  const std::size_t first = std::min(*begin, list.size());
  const std::size_t end = std::min(list.size(), first + page_items);
  std::string out = fmt::format(R"("{}":[{})", key,
                                fmt::join(list.begin() + static_cast<std::ptrdiff_t>(first),
                                          list.begin() + static_cast<std::ptrdiff_t>(end), ","));
  out += ']';
  if (end < list.size()) out += fmt::format(R"(,"nextCursor":"{}{}")", kCursorPrefix, end);
  return out;
}

// What is registered, and behind it what the sources have now.
template <class Registered>
std::vector<std::string_view> all_of(const McpEndpoint& endpoint, const Registered& registered,
                                     std::span<const std::string> (McpSource::*more)() const) {
  std::vector<std::string_view> out;
  out.reserve(registered.size());
  for (const auto& item : registered) out.push_back(item->json);
  for (const McpSource* const source : endpoint.sources()) {
    if (more == nullptr) break;
    for (const std::string& json : (source->*more)()) out.push_back(json);
  }
  return out;
}

void answer_page(McpCall& call, const RpcMessage& message, std::string& body, std::string_view key,
                 const std::vector<std::string_view>& list) {
  auto text = page(message, key, list, call.endpoint().options().page_items,
                   !call.endpoint().sources().empty());
  if (text) {
    body = std::move(*text);
  } else {
    call.refuse(rpc::kInvalidParams, "This cursor is none of ours.");
  }
}

bool is_cacheable(std::string_view method) {
  return method.ends_with("/list") || method == "resources/read" || method == "server/discover";
}

}  // namespace

// Those that the client may call.
Task<void> McpMethods::list_tools(McpCall& call) {
  std::vector<std::string_view> tools;
  for (const auto& tool : call.endpoint_.server().tools()) {
    if (call.may(Action::tools, tool->about.name)) tools.push_back(tool->json);
  }
  answer_page(call, call.message_, call.body_, "tools", tools);
  co_return;
}

Task<void> McpMethods::list_prompts(McpCall& call) {
  answer_page(call, call.message_, call.body_, "prompts",
              all_of(call.endpoint_, call.endpoint_.server().prompts(), &McpSource::prompts));
  co_return;
}

Task<void> McpMethods::list_resources(McpCall& call) {
  answer_page(call, call.message_, call.body_, "resources",
              all_of(call.endpoint_, call.endpoint_.server().resources(), &McpSource::resources));
  co_return;
}

Task<void> McpMethods::list_templates(McpCall& call) {
  answer_page(call, call.message_, call.body_, "resourceTemplates",
              all_of(call.endpoint_, call.endpoint_.server().templates(), &McpSource::templates));
  co_return;
}

// --- results ---

std::string McpCall::identity() const {
  std::string out = method_ + "\n" + name_ + "\n" + principal_ + "\n";
  if (has_arguments_) out += simdjson::minify(arguments_);
  return out;
}

// What the client is to answer before it asks again.
void McpCall::write_input_required() {
  output_ += R"("resultType":"input_required",)";
  output_.append(R"("_meta":{"io.modelcontextprotocol/serverInfo":)");
  output_.append(endpoint_.server().info_json()).append(R"(},"inputRequests":{)");
  output_ += asked_;
  output_ += '}';
  if (!answered_.empty() || !kept_.empty() || !kept_before_.empty()) {
    if (kept_.empty()) kept_ = kept_before_;
    const std::int64_t now_ms = endpoint_.reactor().driver().wall_clock_ms();
    const auto ttl_ms = static_cast<std::int64_t>(endpoint_.options().state_ttl_ms);
    output_ += R"(,"requestState":")";
    output_ += seal({.request = identity(), .answered = answered_, .kept = kept_},
                    endpoint_.shared().key, now_ms + ttl_ms);
    output_ += '"';
  }
}

// The members of the result that handlers filled.
void McpCall::write_filled() {
  const auto begin = [this](std::string_view key) {
    output_ += output_.ends_with('{') ? "\"" : ",\"";
    output_.append(key).append("\":");
  };
  if (method_ == "tools/call") {
    begin("content");
    if (items_.empty() && !structured_.empty()) text(structured_);
    output_.append("[").append(items_).append("]");
    if (!structured_.empty() && revision_ >= McpRevision::r2025_06_18) {
      begin("structuredContent");
      output_ += structured_;
    }
    if (is_error_) {
      begin("isError");
      output_ += "true";
    }
  } else if (method_ == "prompts/get") {
    if (!description_.empty()) {
      begin("description");
      append_json_string(output_, description_);
    }
    begin("messages");
    output_.append("[").append(items_).append("]");
  } else if (method_ == "resources/read") {
    begin("contents");
    output_.append("[").append(items_).append("]");
  } else if (!body_.empty()) {
    output_ += output_.ends_with('{') ? "" : ",";
    output_ += body_;
  }
}

// The result's members, without the braces around them.
void McpCall::write_members() {
  if (!asked_.empty()) return write_input_required();
  const bool stateless = is_stateless(revision_);
  if (stateless) {
    output_ += R"("resultType":"complete")";
    if (method_ != "subscriptions/listen") {
      output_ += R"(,"_meta":{"io.modelcontextprotocol/serverInfo":)";
      output_ += endpoint_.server().info_json();
      output_ += '}';
    }
    if (is_cacheable(method_)) {
      fmt::format_to(std::back_inserter(output_), R"(,"ttlMs":{},"cacheScope":"{}")",
                     method_ == "resources/read" ? 0 : endpoint_.options().list_ttl_ms,
                     principal_.empty() ? "public" : "private");
    }
  }
  write_filled();
}

// A handler that could not ask and returned without a word: the client is told why.
void McpCall::explain_silence() {
  if (refusal_ || !asked_.empty() || !items_.empty() || !structured_.empty()) return;
  if (lacking_.empty() && !unanswered_) return;
  if (!lacking_.empty() && is_stateless(revision_)) {
    refuse(rpc::kMissingCapability, "The client has not declared a capability that this needs.",
           fmt::format(R"({{"requiredCapabilities":{{"{}":{{}}}}}})", lacking_));
  } else if (method_ != "tools/call") {
    refuse(rpc::kInvalidRequest, "The client was asked, and did not answer.");
  } else if (lacking_.empty()) {
    fail("The client was asked, and did not answer.");
  } else {
    fail(fmt::format("This needs a client that can be asked ({}).", lacking_));
  }
}

void McpCall::write_result() {
  explain_silence();
  const bool nothing = items_.empty() && structured_.empty() && body_.empty() && !is_error_;
  if (nothing && scope_->cancelled() && !refusal_) {
    refuse(rpc::kServerError, "The request was cancelled.");
  }
  output_.clear();
  if (refusal_) {
    append_rpc_error(output_, id_, *refusal_);
    return;
  }
  output_.append(R"({"jsonrpc":"2.0","id":)").append(id_).append(R"(,"result":{)");
  write_members();
  output_ += "}}";
}

}  // namespace ringcast
