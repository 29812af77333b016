#include "protocol/mcp/mcp_endpoint.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>

#include "core/event_stream.h"
#include "protocol/mcp/mcp_methods.h"
#include "protocol/mcp/mcp_source.h"
#include "protocol/mcp/mcp_tasks.h"

namespace ringcast {
namespace {

namespace dom = simdjson::dom;

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::size_t kIdBytes = 16;
constexpr std::size_t kUsualReplyBytes = 64;
constexpr std::size_t kMostSpareTexts = 16;
constexpr std::size_t kMostSpareBytes = 64 << 10;

std::string_view method_of(McpChange change) {
  switch (change) {
    case McpChange::tools:
      return "notifications/tools/list_changed";
    case McpChange::prompts:
      return "notifications/prompts/list_changed";
    case McpChange::resources:
      return "notifications/resources/list_changed";
    case McpChange::task:
      return "notifications/tasks";
    case McpChange::resource:
      break;
  }
  return "notifications/resources/updated";
}

struct ChangeMessage : Message {
  ChangeMessage(McpEndpoint& of, McpChange what, std::string_view which, std::string_view members,
                Handler on_arrival)
      : Message(on_arrival), endpoint(of), change(what), uri(which), task(members) {}
  McpEndpoint& endpoint;
  McpChange change;
  std::string uri;
  std::string task;
};

}  // namespace

McpShared::McpShared(const McpServer& what, McpOptions how, std::size_t cores)
    : server(what), options(std::move(how)), endpoints(cores) {
  RINGCAST_CHECK(RAND_bytes(key.data(), static_cast<int>(key.size())) == 1);
}

McpEndpoint::McpEndpoint(Reactor& reactor, McpShared& shared, Admission& admission)
    : reactor_(reactor),
      shared_(shared),
      admission_(admission),
      tasks_(std::make_unique<McpTasks>(*this)),
      streams_(reactor) {
  shared_.endpoints[reactor.core()].store(this, std::memory_order_release);
}

McpEndpoint::~McpEndpoint() {
  shared_.endpoints[reactor_.core()].store(nullptr, std::memory_order_release);
}

std::int64_t McpEndpoint::session_timeout_ns() const {
  return static_cast<std::int64_t>(options().session_timeout_ms) * kNsPerMs;
}

std::string McpEndpoint::take_text() {
  if (texts_.empty()) return {};
  std::string text = std::move(texts_.back());
  texts_.pop_back();
  return text;
}

void McpEndpoint::give_text(std::string text) {
  if (text.capacity() > kMostSpareBytes || texts_.size() >= kMostSpareTexts) return;
  text.clear();
  texts_.push_back(std::move(text));
}

// --- calls ---

McpCall& McpEndpoint::take_call() {
  if (free_.empty()) {
    calls_.push_back(std::make_unique<McpCall>(*this));
    free_.push_back(calls_.back().get());
  }
  McpCall& call = *free_.back();
  free_.pop_back();
  call.scope_.emplace(reactor_);
  return call;
}

// One whose handler goes on, as a task, is given back when it has returned.
void McpEndpoint::give_call(McpCall& call) {
  call.given_ = true;
  if (call.started_ && !call.handler_ended_) return;
  call.reset();
  free_.push_back(&call);
}

std::optional<RpcError> McpEndpoint::read(McpCall& call, std::string_view text) {
  auto error = call.parser_.parse(text, call.message_);
  call.id_ = call.message_.id;
  if (error) return error;
  call.method_ = call.message_.method;
  if (!call.message_.has_params) return std::nullopt;
  const dom::object params = call.message_.params;
  dom::object meta;
  if (params["_meta"].get_object().get(meta) == simdjson::SUCCESS) {
    call.meta_ = meta;
    dom::element token;
    if (meta["progressToken"].get(token) == simdjson::SUCCESS &&
        (token.is_string() || token.is_number())) {
      call.progress_token_ = simdjson::minify(token);
    }
  }
  if (params["arguments"].get_object().get(call.arguments_) == simdjson::SUCCESS) {
    call.has_arguments_ = true;
  }
  std::string_view name;
  if (params["name"].get_string().get(name) == simdjson::SUCCESS ||
      params["uri"].get_string().get(name) == simdjson::SUCCESS) {
    call.name_ = name;
    if (call.method_ == "tools/call") call.tool_ = server().find_tool(name);
  }
  return std::nullopt;
}

bool McpEndpoint::is_stateless_message(const RpcMessage& message) {
  dom::object meta;
  if (!message.has_params || message.params["_meta"].get_object().get(meta) != simdjson::SUCCESS) {
    return false;
  }
  return std::ranges::any_of(meta, [](const auto& field) {
    return field.key == mcp_meta::kVersion || field.key == mcp_meta::kCapabilities;
  });
}

std::optional<McpEndpoint::Refusal> McpEndpoint::read_envelope(McpCall& call) {
  const auto missing = [](std::string_view what) {
    return Refusal{
        400, {.code = rpc::kInvalidParams, .message = fmt::format("`_meta` lacks {}.", what)}};
  };
  std::string_view version;
  dom::object capabilities;
  if (!call.meta_ ||
      (*call.meta_)[mcp_meta::kVersion].get_string().get(version) != simdjson::SUCCESS) {
    return missing(mcp_meta::kVersion);
  }
  const auto revision = find_revision(version);
  if (!revision || !is_stateless(*revision)) {
    std::string data = R"({"supported":["2026-07-28"],"requested":)";
    append_json_string(data, version);
    return Refusal{400,
                   {.code = rpc::kUnsupportedVersion,
                    .message = "This version of the protocol is not supported.",
                    .data = data + "}"}};
  }
  if ((*call.meta_)[mcp_meta::kCapabilities].get_object().get(capabilities) != simdjson::SUCCESS) {
    return missing(mcp_meta::kCapabilities);
  }
  call.revision_ = *revision;
  call.client_ = read_capabilities(capabilities);
  std::string_view level;
  if ((*call.meta_)[mcp_meta::kLogLevel].get_string().get(level) == simdjson::SUCCESS) {
    call.log_level_ = find_log_level(level).value_or(McpLogLevel::off);
  }
  return std::nullopt;
}

void McpEndpoint::start(McpCall& call, McpCallOwner* owner) {
  call.owner_ = owner;
  call.started_ = true;
  if (call.output_.capacity() < kUsualReplyBytes) call.output_ = take_text();
  if (call.session_ == nullptr) {
    loose_.push_back(call);
    call.counted_ = call.method_ != "subscriptions/listen";
    loose_running_ += call.counted_ ? 1 : 0;
  }
  ++running_;
  counters.calls.add();
  call.held_.begin(standings(), call.who_);
  reactor_.spawn(run(&call));
}

Task<void> McpEndpoint::run(McpCall* call) {
  McpEndpoint& self = call->endpoint_;
  co_await McpMethods::serve(*call);
  co_await call->scope_->join();
  self.deliver(*call);
}

// The handler has returned.
void McpEndpoint::deliver(McpCall& call) {
  --running_;
  loose_running_ -= std::exchange(call.counted_, false) ? 1 : 0;
  if (const auto over = call.held_.ended()) call.refuse_ended(*over);
  call.held_.leave();
  if (call.refusal_) counters.errors.add();
  if (call.early_) {
    tasks_->call_ended(call);
    static_cast<McpRunning&>(call).unlink();
    call.handler_ended_ = true;
    if (call.given_) give_call(call);
    return;
  }
  call.write_result();
  call.reply_.swap(call.output_);
  call.handler_ended_ = true;
  leave_lists(call);
  send_reply(call);
}

void McpEndpoint::leave_lists(McpCall& call) {
  McpSession* const session = call.session_;
  if (session == nullptr) {
    static_cast<McpRunning&>(call).unlink();
  } else {
    const bool ended = call.refusal_ && call.refusal_->code == rpc::kAccessEnded;
    call.unwanted_ = call.scope_->cancelled() && call.owner_ == nullptr && !ended;
    session->release(call);
  }
}

void McpEndpoint::send_reply(McpCall& call) {
  call.done_ = true;
  if (call.has_stream()) {
    if (!call.unwanted_) call.stream_->push(call.reply_);
    if (call.closes_stream_) call.stream_->finish();
  }
  if (call.owner_ != nullptr) {
    call.owner_->call_moved();
  } else {
    give_call(call);
  }
  if (!ended_.empty()) sweep_ended();
}

void McpEndpoint::answer_early(McpCall& call, std::string_view members) {
  call.reply_ = fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{{{}}}}})", call.id_, members);
  call.early_ = true;
  loose_running_ -= std::exchange(call.counted_, false) ? 1 : 0;
  leave_lists(call);
  loose_.push_back(call);
  send_reply(call);
}

void McpEndpoint::abandon(McpCall& call) {
  call.owner_ = nullptr;
  if (call.done_) give_call(call);
}

// --- sessions ---

Result<McpSession*> McpEndpoint::open_session(McpSession::Kind kind, McpOwner owner) {
  if (draining_) return fail("draining", "This server is shutting down.");
  if (shared_.sessions.fetch_add(1, std::memory_order_relaxed) >= options().max_sessions) {
    shared_.sessions.fetch_sub(1, std::memory_order_relaxed);
    counters.sessions_refused.add();
    return fail("too_many_sessions", "There are as many sessions as this server takes.");
  }
  unsigned char random[kIdBytes];
  RINGCAST_CHECK(RAND_bytes(random, sizeof random) == 1);
  std::string id;
  for (const unsigned char byte : random) id += fmt::format("{:02x}", byte);
  id += fmt::format(".{}", reactor_.core());
  auto session = std::make_unique<McpSession>(*this, kind, std::move(id), std::move(owner));
  McpSession* const opened = session.get();
  sessions_.emplace(opened->id(), std::move(session));
  counters.sessions_opened.add();
  return opened;
}

McpSession* McpEndpoint::find_session(std::string_view id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

McpEndpoint* McpEndpoint::home_of(std::string_view session_id) {
  if (session_id.size() < kIdBytes * 2 + 2 || session_id[kIdBytes * 2] != '.') return nullptr;
  const std::string_view core = session_id.substr(kIdBytes * 2 + 1);
  std::size_t number = 0;
  const auto [end, failure] = std::from_chars(core.data(), core.data() + core.size(), number);
  if (failure != std::errc() || end != core.data() + core.size() ||
      number >= shared_.endpoints.size()) {
    return nullptr;
  }
  return shared_.endpoints[number].load(std::memory_order_acquire);
}

void McpEndpoint::end_session(McpSession& session) {
  const auto found = sessions_.find(session.id());
  if (found == sessions_.end() || found->second.get() != &session) return;
  ended_.push_back(std::move(found->second));
  sessions_.erase(found);
  shared_.sessions.fetch_sub(1, std::memory_order_relaxed);
  session.close();
  sweep_ended();
}

void McpEndpoint::expire_session(McpSession& session) {
  counters.sessions_expired.add();
  end_session(session);
}

void McpEndpoint::sweep_ended() {
  std::erase_if(ended_, [](const auto& session) { return !session->busy(); });
}

// --- changes ---

void McpEndpoint::announce(McpChange change, std::string_view uri, std::string_view task) {
  const auto arrive = [](Message& message) {
    const std::unique_ptr<ChangeMessage> self(static_cast<ChangeMessage*>(&message));
    self->endpoint.announce_here(self->change, self->uri, self->task);
  };
  for (const auto& slot : shared_.endpoints) {
    McpEndpoint* const endpoint = slot.load(std::memory_order_acquire);
    if (endpoint == nullptr) continue;
    if (endpoint == this) {
      announce_here(change, uri, task);
      continue;
    }
    auto message = std::make_unique<ChangeMessage>(*endpoint, change, uri, task, arrive);
    reactor_.send_to(endpoint->reactor_, *message.release());
  }
}

void McpEndpoint::announce_here(McpChange change, std::string_view uri, std::string_view task) {
  const auto notice = [&](std::string_view subscription) {
    std::string params;
    if (!subscription.empty()) {
      params = fmt::format(R"("_meta":{{"{}":{}}})", mcp_meta::kSubscription, subscription);
    }
    if (change == McpChange::resource || change == McpChange::task) {
      if (!params.empty()) params += ',';
      if (change == McpChange::task) {
        params += task;
      } else {
        params += "\"uri\":";
        append_json_string(params, uri);
      }
    }
    if (!params.empty()) params = fmt::format(R"(,"params":{{{}}})", params);
    return fmt::format(R"({{"jsonrpc":"2.0","method":"{}"{}}})", method_of(change), params);
  };
  for (const auto& [id, session] : sessions_) {
    if (!session->initialized() || is_stateless(session->revision())) continue;
    if (change == McpChange::task) continue;  // its task tells the session itself
    if (change == McpChange::resource && !session->subscribed(uri)) continue;
    // Nobody has to hear twice of what it has not looked at yet.
    const std::string text = notice({});
    if (session->main().has_unread(text)) continue;
    session->main().push(text);
    counters.notifications.add();
  }
  listeners_.for_each([&](McpListener& listener) {
    if (!listener.wants(change, uri)) return;
    const std::string text = notice(listener.id);
    if (listener.stream->has_unread(text)) return;
    listener.stream->push(text);
    counters.notifications.add();
  });
}

bool McpListener::wants(McpChange change, std::string_view name) const {
  const auto has = [name](const std::vector<std::string>& names) {
    return std::ranges::find(names, name) != names.end();
  };
  switch (change) {
    case McpChange::tools:
      return tools;
    case McpChange::prompts:
      return prompts;
    case McpChange::resources:
      return resources;
    case McpChange::task:
      return has(task_ids);
    case McpChange::resource:
      break;
  }
  return has(uris);
}

bool McpEndpoint::allows(const Principal* who, std::string_view uri) const {
  return std::ranges::all_of(sources_,
                             [&](const McpSource* source) { return source->allows(who, uri); });
}

void McpEndpoint::subscribed(std::string_view uri, bool on) {
  for (McpSource* const source : sources_) source->subscribed(uri, on);
}

bool McpEndpoint::add_listener(McpListener& listener) {
  if (listening_ >= options().max_listeners) return false;
  ++listening_;
  listeners_.push_back(listener);
  for (const std::string& uri : listener.uris) subscribed(uri, true);
  if (!listener.task_ids.empty()) shared_.task_followers.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void McpEndpoint::remove_listener(McpListener& listener) {
  listener.unlink();
  --listening_;
  for (const std::string& uri : listener.uris) subscribed(uri, false);
  if (!listener.task_ids.empty()) shared_.task_followers.fetch_sub(1, std::memory_order_relaxed);
}

// --- the end ---

void McpEndpoint::drain() {
  draining_ = true;
  streams_.cancel();
  loose_.for_each([](McpCall& call) {
    if (call.method_ == "subscriptions/listen") call.scope_->cancel();
  });
}

void McpEndpoint::abort() {
  drain();
  loose_.for_each([](McpCall& call) { call.scope_->cancel(); });
  for (const auto& [id, session] : sessions_) session->cancel_calls();
  for (const auto& session : ended_) session->cancel_calls();
  tasks_->cancel_all();
}

}  // namespace ringcast
