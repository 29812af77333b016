#include "net/http_connection.h"

#include "net/http_server.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// A connection to which the server owes nothing more is worth this many bytes of patience.
constexpr std::uint64_t kMostLingeringBytes = 1 << 20;

constexpr HttpError kHeaderTimeout{408, "header_timeout",
                                   "The request head did not arrive in time."};
constexpr HttpError kTooManyConnections{503, "too_many_connections",
                                        "Maximum connections exceeded."};
constexpr HttpError kTooManyOfClient{429, "too_many_of_client",
                                     "Too many connections of this client."};
constexpr HttpError kNoResponse{500, "no_response", "The request was not answered."};

}  // namespace

HttpConnection::HttpConnection(HttpServer& server, Descriptor fd, const SocketAddress& peer,
                               bool admitted, bool proxied)
    : server_(server),
      scope_(server.reactor_),
      socket_(scope_, fd),
      peer_(ClientAddress::of(peer)),
      scanner_(server.limits_.head),
      admitted_(admitted),
      proxied_(proxied) {}

HttpConnection::~HttpConnection() = default;

std::int64_t HttpConnection::after_ms(std::uint64_t ms) {
  if (ms == 0) return Socket::kNoDeadline;
  return scope_.reactor().now_ns() + static_cast<std::int64_t>(ms) * kNsPerMs;
}

void HttpConnection::arrived(std::string_view bytes) {
  in_.append(bytes);
  pace_.received(bytes.size(), server_.limits_.receive_bytes_per_s, scope_.reactor().now_ns());
}

Task<void> HttpConnection::keep_pace() {
  server_.counters.paced.add();
  co_await scope_.sleep(pace_.wait_ns(scope_.reactor().now_ns()));
}

Task<void> HttpConnection::run(HttpConnection* self) {
  HttpServer& server = self->server_;
  co_await self->serve();
  if (!self->taken_) {
    if (self->linger_) co_await self->linger();
    co_await self->socket_.close();
    server.admission_.leave();
  }
  self->unlink();
  server.counters.connections.set(--server.count_);
  delete self;
}

Task<void> HttpConnection::serve() {
  if (!admitted_) {
    server_.counters.refused_connections.add();
    co_await turn_away(kTooManyConnections);
    co_return;
  }
  if (proxied_ && !co_await receive_proxy_header()) co_return;
  if (!server_.take_place(peer_, place_)) {
    server_.counters.refused_clients.add();
    co_await turn_away(kTooManyOfClient);
    co_return;
  }
  for (std::uint32_t served = 0;;) {
    if (in_.empty()) {
      if (!co_await flush()) co_return;
      in_.release();
      out_.release();
      if (server_.draining_) co_return;
      idle_ = true;
      const bool got_some = co_await receive_first(server_.limits_.idle_timeout_ms);
      idle_ = false;
      if (!got_some) co_return;
    }
    if (!co_await receive_head()) co_return;
    if (!co_await serve_request()) co_return;
    // Pipelined requests that lie here already would else keep everybody waiting until the last.
    if (++served % server_.limits_.requests_per_turn == 0 && !in_.empty()) {
      server_.counters.deferred.add();
      co_await NextTurn{scope_.reactor()};
      if (scope_.cancelled()) co_return;
    }
  }
}

// An answer before the request came would be cut off by a reset. It costs a descriptor while it
// waits, so it gets a head's time, not an idle connection's, and few wait at a time.
Task<void> HttpConnection::turn_away(HttpError error) {
  if (server_.turning_away_ >= server_.limits_.max_turned_away) co_return;
  ++server_.turning_away_;
  if (in_.empty()) co_await receive_first(server_.limits_.header_timeout_ms);
  co_await respond_and_close(error);
  --server_.turning_away_;
}

// Learns whose connection it is. False: nobody trusted says so.
Task<bool> HttpConnection::receive_proxy_header() {
  const auto refuse = [this](ProxyRefusal reason) {
    server_.counters.proxy_refusals[static_cast<std::size_t>(reason)].add();
    server_.handler_.proxy_refused(reason, peer_);
    return false;
  };
  if (!server_.forwarding_.trusts(peer_)) co_return refuse(ProxyRefusal::untrusted);
  using State = ProxyHeaderReader::State;
  ProxyHeaderReader reader;
  const std::int64_t deadline = after_ms(server_.limits_.header_timeout_ms);
  for (State state = State::needs_more; state != State::complete;) {
    if (server_.draining_) co_return false;
    idle_ = true;
    const Received received = co_await socket_.receive(deadline);
    idle_ = false;
    if (received.result() == -ECANCELED) co_return false;
    if (received.result() == -ETIMEDOUT) co_return refuse(ProxyRefusal::timeout);
    if (received.result() <= 0) co_return refuse(ProxyRefusal::cut_off);
    in_.append(received.bytes());
    state = reader.read(in_.view());
    if (state == State::failed) co_return refuse(reader.refusal());
  }
  server_.counters.proxy_headers.add();
  in_.consume(reader.consumed());
  const ProxyHeader& header = reader.header();
  tls_ = header.tls;
  if (header.has_source) {
    const bool here = peer_.loopback() && !header.source.elsewhere;
    peer_ = header.source;
    peer_.elsewhere = !here;
  }
  co_return true;
}

// Waits for the first bytes of a request.
Task<bool> HttpConnection::receive_first(std::uint64_t timeout_ms) {
  if (ahead_of_pace()) co_await keep_pace();
  const Received received = co_await socket_.receive(after_ms(timeout_ms));
  arrived(received.bytes());
  co_return received.result() > 0;
}

Task<bool> HttpConnection::receive_head() {
  const HttpLimits& limits = server_.limits_;
  scanner_.reset();
  if (const std::size_t known = server_.heads_.match(in_.view())) {
    scanner_.take(known);
    co_return true;
  }
  std::int64_t deadline = after_ms(limits.header_timeout_ms);
  for (;;) {
    switch (scanner_.scan(in_.view())) {
      case HeadScanner::State::complete:
        co_return true;
      case HeadScanner::State::failed:
        co_return co_await respond_and_close(scanner_.error());
      case HeadScanner::State::needs_more:
        break;
    }
    // What is complete must not wait for what is not.
    if (!out_.empty() && !co_await flush()) co_return false;
    const std::size_t most = limits.head.max_head_bytes + 512;
    if (ahead_of_pace()) co_await keep_pace();
    const Received received = co_await socket_.receive(deadline);
    if (received.result() == -ETIMEDOUT) {
      server_.counters.timeouts.add();
      if (scanner_.idle()) co_return false;
      co_return co_await respond_and_close(kHeaderTimeout);
    }
    if (received.result() <= 0) co_return false;
    RINGCAST_CHECK(in_.size() <= most);  // the scanner refuses longer heads
    arrived(received.bytes());
  }
}

Task<bool> HttpConnection::serve_request() {
  RequestHead head;
  const std::size_t head_bytes = scanner_.consumed();
  // The head stays where it is while the handler runs: the body is received elsewhere.
  Buffer head_buffer;
  if (head_bytes == in_.size()) {
    head_buffer = std::move(in_);
  } else {
    head_buffer.append(in_.view().substr(0, head_bytes));
    in_.consume(head_bytes);
  }
  const std::string_view text = scanner_.head(head_buffer.view());
  if (scanner_.known()) {
    server_.heads_.restore(text, head);
  } else if (const auto error = parse_head(text, head)) {
    co_return co_await respond_and_close(*error);
  } else {
    server_.heads_.keep(text, head);
  }
  server_.counters.requests.add();
  HttpExchange exchange(*this, head);
  exchange.head_buffer_ = &head_buffer;
  co_await server_.handler_.handle(exchange);
  drain_listener_ = nullptr;
  if (exchange.taken()) {
    taken_ = true;
    co_return false;
  }
  if (scope_.cancelled()) co_return false;
  if (!exchange.responded()) exchange.refuse(kNoResponse);
  co_return co_await settle(exchange);
}

// After the response: what is left of the request, and whether the connection goes on.
Task<bool> HttpConnection::settle(HttpExchange& exchange) {
  if (exchange.close_) {
    linger_ = co_await flush();
    co_return false;
  }
  std::uint64_t discarded = 0;
  while (!exchange.body_finished()) {
    const auto piece = co_await exchange.next_piece();
    if (!piece) {
      linger_ = co_await flush();
      co_return false;
    }
    discarded += piece->size();
    if (discarded > server_.limits_.max_discarded_bytes) {
      linger_ = co_await flush();
      co_return false;
    }
  }
  in_.consume(std::exchange(exchange.piece_, 0));
  if (out_.size() >= server_.limits_.max_buffered_bytes) co_return co_await flush();
  co_return true;
}

Task<bool> HttpConnection::respond_and_close(HttpError error) {
  server_.counters.bad_requests.add();
  const RequestHead none{};
  HttpExchange exchange(*this, none);
  exchange.close_after();
  if (error.status == 429) exchange.add_header("Retry-After", "5");
  exchange.refuse(error);
  server_.handler_.refused(exchange);
  linger_ = co_await flush();
  co_return false;
}

Task<bool> HttpConnection::flush() {
  if (out_.empty()) co_return true;
  const std::string_view bytes = out_.view();
  const std::int32_t sent = co_await socket_.send(bytes, after_ms(server_.limits_.send_timeout_ms));
  const bool whole = sent == static_cast<std::int32_t>(bytes.size());
  out_.clear();
  co_return whole;
}

// Ends our side and reads on for a while: a close with unread input would reset the connection, and
// the reset could overtake the response (RFC 9112 §9.6).
Task<void> HttpConnection::linger() {
  const std::int64_t deadline = after_ms(server_.limits_.linger_ms);
  if (co_await socket_.shutdown(SHUT_WR) < 0) co_return;
  for (std::uint64_t discarded = 0; discarded < kMostLingeringBytes;) {
    const Received received = co_await socket_.receive(deadline);
    if (received.result() <= 0) co_return;
    discarded += static_cast<std::uint64_t>(received.result());
  }
}

void HttpConnection::drain() {
  if (idle_) scope_.cancel();
  if (drain_listener_ != nullptr) drain_listener_->draining();
}

}  // namespace ringcast
