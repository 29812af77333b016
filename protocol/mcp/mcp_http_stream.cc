#include "protocol/mcp/mcp_http_stream.h"

#include <fmt/format.h>
#include <poll.h>

#include "core/remote_task.h"
#include "core/socket.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kSendTimeoutNs = 30'000'000'000;

std::int64_t keepalive_until(McpEndpoint& endpoint) {
  return endpoint.reactor().now_ns() +
         static_cast<std::int64_t>(endpoint.options().keepalive_ms) * kNsPerMs;
}

Task<McpStream::Fetched> fetch_here(const McpStreamRef* ref) {
  McpSession* const session = ref->home->find_session(ref->session);
  McpStream* const stream = session == nullptr ? nullptr : session->find_stream(ref->stream);
  if (stream == nullptr) {
    McpStream::Fetched gone;
    gone.gone = true;
    co_return gone;
  }
  co_return co_await McpStream::fetch(stream, ref->token, ref->position,
                                      keepalive_until(*ref->home), ref->form, kMostFetchedBytes);
}

void leave_here(const McpStreamRef& ref) {
  McpSession* const session = ref.home->find_session(ref.session);
  McpStream* const stream = session == nullptr ? nullptr : session->find_stream(ref.stream);
  if (stream == nullptr) return;
  stream->detach(ref.token);
  session->touch();
}

struct LeaveMessage : Message {
  explicit LeaveMessage(McpStreamRef of) : Message(arrive), ref(std::move(of)) {}
  static void arrive(Message& message) {
    const std::unique_ptr<LeaveMessage> self(static_cast<LeaveMessage*>(&message));
    leave_here(self->ref);
  }
  McpStreamRef ref;
};

// Leaves the stream as soon as the connection's scope is cancelled, so that whoever waits for its
// next message does not wait any more.
class LeaveWhenCancelled : Cancellable {
 public:
  LeaveWhenCancelled(Scope& scope, McpEndpoint& here, const McpStreamRef& ref)
      : Cancellable(stop), here_(here), ref_(ref) {
    scope.add(*this);
  }

 private:
  static void stop(Cancellable& waiting) {
    auto& self = static_cast<LeaveWhenCancelled&>(waiting);
    leave_stream(self.here_, self.ref_);
  }
  McpEndpoint& here_;
  const McpStreamRef& ref_;
};

// The same when its reader's access has ended. As a rule the request has ended before, and said so.
class LeaveWhenOver final : public Standing {
 public:
  LeaveWhenOver(McpEndpoint& here, const McpStreamRef& ref, const PrincipalPtr& who)
      : Standing(kGraceNs), here_(here), ref_(ref) {
    begin(here.standings(), who);
  }

 private:
  void over(StandingEnd /*why*/) override { leave_stream(here_, ref_); }
  McpEndpoint& here_;
  const McpStreamRef& ref_;
};

}  // namespace

Task<McpStream::Fetched> fetch_next(McpEndpoint& here, const McpStreamRef& ref) {
  return on_core<McpStream::Fetched>(here.reactor(), ref.home->reactor(),
                                     [&ref] { return fetch_here(&ref); });
}

void leave_stream(McpEndpoint& here, const McpStreamRef& ref) {
  if (&here == ref.home) {
    leave_here(ref);
  } else {
    auto message = std::make_unique<LeaveMessage>(ref);
    here.reactor().send_to(ref.home->reactor(), *message.release());
  }
}

std::string priming_event(const McpEndpoint& here, McpRevision revision, std::uint32_t stream,
                          std::uint64_t position) {
  if (revision < McpRevision::r2025_11_25) return {};
  return fmt::format("id: {}-{}\nretry: {}\ndata: \n\n", stream, position, here.options().retry_ms);
}

void add_stream_headers(HttpExchange& exchange) {
  exchange.add_header("Cache-Control", "no-cache, no-transform");
  exchange.add_header("X-Accel-Buffering", "no");
}

Task<void> send_stream(McpEndpoint& here, HttpExchange& exchange, McpStreamRef ref,
                       std::string_view first, std::string_view session_header,
                       const PrincipalPtr& who) {
  add_stream_headers(exchange);
  if (!session_header.empty()) exchange.add_header("Mcp-Session-Id", session_header);
  const LeaveWhenCancelled leave(exchange.socket().scope(), here, ref);
  const LeaveWhenOver over(here, ref, who);
  bool connected = co_await exchange.start_stream(200, "text/event-stream");
  if (connected && !first.empty()) connected = co_await exchange.write(first);
  while (connected) {
    const McpStream::Fetched next = co_await fetch_next(here, ref);
    if (next.retry_ms >= 0) {
      co_await exchange.write(fmt::format("retry: {}\n\n", next.retry_ms));
    }
    if (next.gone) break;
    ref.position = next.position;
    connected =
        co_await exchange.write(next.bytes.empty() && !next.finished ? kMcpKeepAlive : next.bytes);
    if (next.finished) break;
  }
  leave_stream(here, ref);
  if (connected) co_await exchange.finish_stream();
}

// --- over a connection of its own ---

namespace {

// Cancels a scope when the client has gone, or closes its sending half; what it sends is not looked
// at. It has no coroutine, because there are as many as there are idle clients.
class HangUp : public Completion {
 public:
  HangUp(Scope& scope, Descriptor fd) : Completion(arrived), scope_(scope), fd_(fd) {
    Operation poll{.code = OpCode::poll, .fd = fd, .size = POLLRDHUP | POLLHUP | POLLERR};
    poll.completion = this;
    scope_.reactor().push(poll);
  }

  // Awaitable, once: the kernel has let go of it.
  auto stop() {
    struct Stop {
      HangUp& self;
      bool await_ready() const { return self.done_; }
      void await_suspend(std::coroutine_handle<> handle) const {
        self.handle_ = handle;
        Completion& in_flight = self;
        Operation cancel{.code = OpCode::cancel, .fd = self.fd_};
        cancel.data = &in_flight;
        self.scope_.reactor().push(cancel);
      }
      void await_resume() const {}
    };
    return Stop{*this};
  }

 private:
  static void arrived(Completion& completion, std::int32_t, std::uint32_t, unsigned) {
    auto& self = static_cast<HangUp&>(completion);
    self.done_ = true;
    if (self.handle_) {
      self.handle_.resume();
    } else {
      self.scope_.cancel();
    }
  }

  Scope& scope_;
  Descriptor fd_;
  std::coroutine_handle<> handle_;
  bool done_ = false;
};

[[gnu::noinline]] Task<bool> send_all(const Socket& socket, Reactor& reactor,
                                      std::string_view bytes) {
  const std::int32_t sent = co_await socket.send(bytes, reactor.now_ns() + kSendTimeoutNs);
  co_return sent == static_cast<std::int32_t>(bytes.size());
}

// The stream if it is one of this core.
McpStream* find_here(McpEndpoint& here, const McpStreamRef& ref) {
  if (&here != ref.home) return nullptr;
  McpSession* const session = here.find_session(ref.session);
  return session == nullptr ? nullptr : session->find_stream(ref.stream);
}

// What there is; its frame is not to be part of that of a stream that only waits.
[[gnu::noinline]] Task<bool> send_next(McpEndpoint& here, const Socket& socket, McpStreamRef& ref);

Task<void> follow(McpEndpoint& here, const Socket& socket, McpStreamRef& ref) {
  do {
    McpStream* const stream = find_here(here, ref);
    if (stream != nullptr && stream->quiet(ref.token, ref.position)) {
      co_await stream->arrival(keepalive_until(here));
    }
  } while (co_await send_next(here, socket, ref));
}

// False at the end.
Task<bool> send_next(McpEndpoint& here, const Socket& socket, McpStreamRef& ref) {
  McpStream* const stream = find_here(here, ref);
  McpStream::Fetched next;
  if (stream != nullptr && stream->quiet(ref.token, ref.position)) {
    next.position = ref.position;
  } else {
    next = co_await fetch_next(here, ref);
  }
  if (next.retry_ms >= 0) next.bytes += fmt::format("retry: {}\n\n", next.retry_ms);
  ref.position = next.position;
  const bool quiet = next.bytes.empty() && !next.finished && !next.gone;
  const std::string_view bytes = quiet ? kMcpKeepAlive : std::string_view(next.bytes);
  if (!bytes.empty() && !co_await send_all(socket, here.reactor(), bytes)) co_return false;
  co_return !next.gone && !next.finished;
}

Task<void> end_session(McpEndpoint* home, const std::string* id) {
  if (McpSession* const session = home->find_session(*id)) home->end_session(*session);
  co_return;
}

class EndWithEndpoint : Cancellable {
 public:
  EndWithEndpoint(Scope& endpoint, Scope& own) : Cancellable(stop), own_(own) {
    endpoint.add(*this);
  }

 private:
  static void stop(Cancellable& waiting) { static_cast<EndWithEndpoint&>(waiting).own_.cancel(); }
  Scope& own_;
};

// Ends with the key or token that it was opened with.
class EndWhenOver final : public Standing {
 public:
  EndWhenOver(McpEndpoint& here, Scope& own, PrincipalPtr who) : own_(own) {
    begin(here.standings(), std::move(who));
  }

 private:
  void over(StandingEnd /*why*/) override { own_.cancel(); }
  bool covered() override { return who()->grants.allows_some(Action::tools); }
  Scope& own_;
};

Task<void> run_stream(McpEndpoint* here, Descriptor fd, std::string head, McpStreamRef ref,
                      McpReader reader) {
  Scope scope(here->reactor());
  const Socket socket(scope, fd);
  {
    const EndWithEndpoint end(here->streams(), scope);
    const EndWhenOver over(*here, scope, reader.who);
    const LeaveWhenCancelled leave(scope, *here, ref);
    if (here->draining()) scope.cancel();
    HangUp hang_up(scope, fd);
    if (co_await send_all(socket, here->reactor(), head)) {
      head = std::string();
      co_await follow(*here, socket, ref);
    }
    leave_stream(*here, ref);
    co_await hang_up.stop();
  }
  co_await socket.close();
  if (reader.owns_session) co_await end_session(ref.home, &ref.session);
  here->admission().leave();
  here->stream_closed();
}

}  // namespace

void spawn_stream(McpEndpoint& here, Descriptor fd, std::string head, McpStreamRef ref,
                  McpReader reader) {
  here.stream_opened();
  here.reactor().spawn(run_stream(&here, fd, std::move(head), std::move(ref), std::move(reader)));
}

}  // namespace ringcast
