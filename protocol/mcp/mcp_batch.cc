#include "protocol/mcp/mcp_batch.h"

#include <fmt/format.h>

#include "protocol/mcp/mcp_http_post.h"

namespace ringcast {
namespace {

// A message of a batch while it is served.
struct Item {
  explicit Item(Reactor& reactor) : outcome(reactor) {}
  McpOutcome outcome;
  McpCall* call = nullptr;  // runs; null: `answer` is all there is
  std::string answer;       // may be empty
};

// Starts a request, obeys everything else.
void begin(McpEndpoint& home, McpSession& session, std::string_view text, const PrincipalPtr& who,
           Item& item) {
  McpCall& call = home.take_call();
  auto wrong = home.read(call, text);
  if (!wrong && call.message().kind == RpcMessage::Kind::request) {
    if (call.method() == "initialize") {
      wrong = RpcError{.code = rpc::kInvalidRequest, .message = "`initialize` stands alone."};
    } else {
      call.set_who(who);
      wrong = session.adopt(call);
    }
    if (!wrong) {
      call.send_to(session.main(), true);
      item.call = &call;
      home.start(call, &item.outcome);
      return;
    }
  }
  if (wrong) {
    append_rpc_error(item.answer, call.id(), *wrong);
  } else if (call.message().kind == RpcMessage::Kind::response) {
    session.take_response(call.message());
  } else {
    session.take_notification(call.message());
  }
  home.give_call(call);
}

McpBatchOutcome refused(int status, int code, std::string message) {
  return {.status = status, .error = RpcError{.code = code, .message = std::move(message)}};
}

}  // namespace

Task<McpBatchOutcome> run_batch(McpEndpoint& home, std::string_view session_id,
                                std::string_view principal,
                                const std::vector<std::string_view>& parts,
                                const PrincipalPtr& who) {
  McpSession* const session = find_own_session(home, session_id, principal);
  if (session == nullptr) {
    co_return refused(404, rpc::kSessionNotFound, "There is no such session, or not any more.");
  }
  if (session->revision() != McpRevision::r2025_03_26) {
    co_return refused(400, rpc::kInvalidRequest, "Batches are for 2025-03-26 only.");
  }
  std::vector<std::unique_ptr<Item>> items;
  for (const std::string_view part : parts) {
    items.push_back(std::make_unique<Item>(home.reactor()));
    begin(home, *session, part, who, *items.back());
  }
  McpBatchOutcome out;
  for (const auto& item : items) {
    if (item->call != nullptr) {
      co_await item->outcome;
      item->answer = item->call->take_reply();
      home.abandon(*item->call);
    }
    if (item->answer.empty()) continue;
    out.answers += out.answers.empty() ? "[" : ",";
    out.answers += item->answer;
  }
  if (!out.answers.empty()) out.answers += ']';
  if (home.find_session(session_id) == nullptr) {
    co_return refused(404, rpc::kSessionNotFound, "The session has ended.");
  }
  co_return out;
}

Task<void> run_batch_of_channel(McpEndpoint* home, std::string session_id, std::string principal,
                                std::string text, PrincipalPtr who) {
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);  // the parser reads behind the end
  McpCall& reader = home->take_call();
  auto batch = reader.split_batch(text, home->options().max_batch);
  home->give_call(reader);
  McpBatchOutcome out;
  if (batch) {
    out = co_await run_batch(*home, session_id, principal, *batch, who);
  } else {
    out.error = std::move(batch.error());
  }
  if (out.error) append_rpc_error(out.answers, {}, *out.error);
  McpSession* const session = home->find_session(session_id);
  if (session != nullptr && !out.answers.empty()) session->main().push(out.answers);
}

}  // namespace ringcast
