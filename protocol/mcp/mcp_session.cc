#include "protocol/mcp/mcp_session.h"

#include <algorithm>
#include <utility>

#include "protocol/mcp/mcp_endpoint.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostStreamsKept = 16;  // of those that have ended
constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

McpSession::McpSession(McpEndpoint& home, Kind kind, std::string id, McpOwner owner)
    : Timer(expire),
      home_(home),
      kind_(kind),
      used_ns_(home.reactor().now_ns()),
      id_(std::move(id)),
      principal_(std::move(owner.principal)),
      place_(std::move(owner.place)),
      main_(std::make_unique<McpStream>(home.reactor(), 0, home.options().stream)) {
  // A connection ends by itself, and its session with it.
  if (kind_ != Kind::connection) held_.begin(home_.standings(), std::move(owner.who));
  if (kind_ == Kind::streamable) {
    home_.reactor().timers().arm(*this, used_ns_ + home_.session_timeout_ns());
  }
}

McpSession::~McpSession() {
  RINGCAST_CHECK(calls_.empty());
  RINGCAST_CHECK(asking_.empty());
}

void McpSession::initialize(McpRevision revision, const McpCapabilities& client) {
  initialized_ = true;
  revision_ = revision;
  client_ = client;
}

// --- its requests ---

std::optional<RpcError> McpSession::adopt(McpCall& call) {
  touch();
  pass_to(call.who_);
  if (running_ >= home_.options().max_calls) {
    return RpcError{.code = rpc::kServerError, .message = "Too many requests of this session run."};
  }
  bool twice = false;
  calls_.for_each([&](McpCall& other) { twice = twice || other.id_ == call.id_; });
  if (twice) {
    return RpcError{.code = rpc::kInvalidRequest,
                    .message = "A request with this id runs already."};
  }
  call.session_ = this;
  if (!is_stateless(call.revision_)) {
    call.revision_ = revision_;
    call.client_ = client_;
    call.log_level_ = log_level_;
  }
  call.principal_ = principal_;
  calls_.push_back(call);
  ++running_;
  return std::nullopt;
}

void McpSession::release(McpCall& call) {
  static_cast<McpRunning&>(call).unlink();
  call.session_ = nullptr;
  --running_;
  touch();
}

void McpSession::cancel_calls() {
  calls_.for_each([](McpCall& call) { call.scope_->cancel(); });
}

void McpSession::close() {
  TimerWheel::disarm(*this);
  held_.leave();
  place_.reset();
  cancel_calls();
  // Of tasks, whose calls are not the session's any more.
  while (Asking* const asking = asking_.pop_front()) {
    asking->settle(McpAnswer(McpAnswer::State::ended));
  }
  if (!main_->finished()) main_->finish();
  for (const std::string& uri : std::exchange(subscriptions_, {})) home_.subscribed(uri, false);
}

void McpSession::take_notification(const RpcMessage& message) {
  touch();
  if (message.method != "notifications/cancelled" || !message.has_params) return;
  simdjson::dom::element id;
  if (message.params["requestId"].get(id) != simdjson::SUCCESS) return;
  // Ids are kept as they were written, which may be in more ways than one.
  const std::string text = simdjson::minify(id);
  simdjson::dom::parser parser;
  simdjson::dom::element written;
  calls_.for_each([&](McpCall& call) {
    const bool same =
        call.id_ == text || (parser.parse(call.id_).get(written) == simdjson::SUCCESS &&
                             simdjson::minify(written) == text);
    if (same && call.method_ != "initialize") call.scope_->cancel();
  });
}

// --- what the client is asked ---

void McpSession::expect(Asking& asking) { asking_.push_back(asking); }

void McpSession::take_response(const RpcMessage& message) {
  touch();
  Asking* found = nullptr;
  asking_.for_each([&](Asking& asking) {
    if (asking.id_ == message.id) found = &asking;
  });
  if (found == nullptr) return;
  found->settle(message.failed ? McpAnswer(McpAnswer::State::refused)
                               : McpAnswer(std::string(message.result)));
}

void McpSession::Asking::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  scope_.add(*this);
  session_.expect(*this);
  session_.home_.reactor().timers().arm(*this, until_ns_);
}

void McpSession::Asking::settle(McpAnswer answer) {
  answer_ = std::move(answer);
  static_cast<AskingHook&>(*this).unlink();
  static_cast<Cancellable&>(*this).unlink();
  TimerWheel::disarm(*this);
  scope_.reactor().ready(handle_);
}

void McpSession::Asking::stop(Cancellable& waiting) {
  static_cast<Asking&>(waiting).settle(McpAnswer(McpAnswer::State::ended));
}

void McpSession::Asking::expire(Timer& timer) {
  static_cast<Asking&>(timer).settle(McpAnswer(McpAnswer::State::ended));
}

// --- its streams ---

McpStream& McpSession::open_stream() {
  prune_streams();
  streams_.push_back(
      std::make_unique<McpStream>(home_.reactor(), ++last_stream_, home_.options().stream));
  return *streams_.back();
}

McpStream* McpSession::find_stream(std::uint32_t id) {
  if (id == 0) return main_.get();
  for (const auto& stream : streams_) {
    if (stream->id() == id) return stream.get();
  }
  return nullptr;
}

// Of what has ended, the newest are kept, within what one stream may keep. One that nobody has read
// yet is about to be.
void McpSession::prune_streams() {
  std::size_t count = 0;
  std::size_t bytes = 0;
  for (std::size_t i = streams_.size(); i-- > 0;) {
    const McpStream& stream = *streams_[i];
    if (!stream.finished() || stream.attached() || !stream.was_attached()) continue;
    ++count;
    bytes += stream.kept_bytes();
    if (count > kMostStreamsKept || bytes > home_.options().stream.keep_bytes) {
      streams_.erase(streams_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

// --- subscriptions ---

bool McpSession::subscribe(std::string_view uri) {
  if (subscribed(uri)) return true;
  if (subscriptions_.size() >= home_.options().max_subscriptions) return false;
  subscriptions_.emplace_back(uri);
  home_.subscribed(uri, true);
  return true;
}

void McpSession::unsubscribe(std::string_view uri) {
  if (std::erase(subscriptions_, uri) > 0) home_.subscribed(uri, false);
}

bool McpSession::subscribed(std::string_view uri) const {
  return std::ranges::find(subscriptions_, uri) != subscriptions_.end();
}

// --- its end ---

// Its requests end first, and say why.
McpSession::Held::Held(McpSession& session) : Standing(kGraceNs), session_(session) {}

void McpSession::Held::over(StandingEnd why) {
  if (why == StandingEnd::revoked) session_.home_.end_session(session_);
}

bool McpSession::Held::covered() {
  return who()->grants.allows_some(Action::tools) &&
         std::ranges::all_of(session_.subscriptions_, [this](const std::string& uri) {
           return session_.home_.allows(who().get(), uri);
         });
}

void McpSession::touch() { used_ns_ = home_.reactor().now_ns(); }

// Being used only notes the time; the timer looks when it has gone by.
void McpSession::expire(Timer& timer) {
  auto& self = static_cast<McpSession&>(timer);
  const std::int64_t now = self.home_.reactor().now_ns();
  const bool in_use = self.busy() || self.main_->attached();
  const std::int64_t due = (in_use ? now : self.used_ns_) + self.home_.session_timeout_ns();
  if (due <= now) {
    self.home_.expire_session(self);
  } else {
    self.home_.reactor().timers().arm(self, std::max(due, now + kNsPerMs));
  }
}

}  // namespace ringcast
