#include "net/websocket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/check.h"
#include "net/websocket_handshake.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
// Whoever sends so much at once is likely to do so again: the next receive is into a buffer of our
// own, which takes all of it in one go. It is held for a moment only if nothing comes.
constexpr std::size_t kManyBytes = 4096;
constexpr std::uint64_t kHoldMs = 100;
constexpr std::string_view kTooSlow = "the message came too slowly";
// Sent at once, so that a slow peer's progress is seen.
constexpr std::size_t kMostSendBytes = 256 << 10;

constexpr HttpError kDraining{503, "draining", "This server is shutting down."};

// Codecs that keep no context serve all connections of a core.
Inflater& shared_inflater() {
  thread_local Inflater inflater(false);
  return inflater;
}

Deflater& shared_deflater(int window_bits, int level) {
  thread_local std::array<std::array<std::unique_ptr<Deflater>, 10>, 16> deflaters;
  std::unique_ptr<Deflater>& found =
      deflaters.at(static_cast<std::size_t>(window_bits)).at(static_cast<std::size_t>(level));
  if (!found) {
    found = std::make_unique<Deflater>(
        DeflateOptions{.window_bits = window_bits, .level = level, .keep_context = false});
  }
  return *found;
}

std::unique_ptr<Inflater> own_inflater(const std::optional<DeflateParameters>& agreed) {
  if (!agreed || agreed->client_no_context_takeover) return nullptr;
  return std::make_unique<Inflater>(true);
}

Inflater* inflater_for(const std::optional<DeflateParameters>& agreed, Inflater* own) {
  if (!agreed) return nullptr;
  return own != nullptr ? own : &shared_inflater();
}

}  // namespace

WebSocket::WebSocket(HttpExchange& exchange, const WebSocketOptions& options, const Agreed& agreed)
    : Timer(expired),
      exchange_(exchange),
      options_(options),
      socket_(exchange.socket()),
      subprotocol_(agreed.subprotocol),
      own_inflater_(own_inflater(agreed.deflate)),
      reader_(WsRole::server, options.limits, inflater_for(agreed.deflate, own_inflater_.get())),
      in_(exchange.take_input()),
      heard_ns_(exchange.socket().scope().reactor().now_ns()),
      compressed_(agreed.deflate.has_value()) {
  if (agreed.deflate) {
    const int bits = agreed.deflate->server_max_window_bits;
    if (agreed.deflate->server_no_context_takeover) {
      deflater_ = &shared_deflater(bits, options.deflate_level);
    } else {
      own_deflater_ = std::make_unique<Deflater>(
          DeflateOptions{.window_bits = bits, .level = options.deflate_level});
      deflater_ = own_deflater_.get();
    }
  }
  reader_.feed(in_.bytes());
  exchange_.tell_draining(this);
  if (exchange_.draining()) draining();
  if (!closing_) look_after(heard_ns_);
}

WebSocket::~WebSocket() { exchange_.tell_draining(nullptr); }

std::int64_t WebSocket::after_ms(std::uint64_t ms) const {
  return reactor().now_ns() + static_cast<std::int64_t>(ms) * kNsPerMs;
}

// --- receiving ---

// From what is here already.
WebSocket::Taken WebSocket::take(WsMessage& message) {
  if (ended_) return end(message, end_code_, {});
  while (reader_.next(message)) {
    switch (message.opcode) {
      case WsOpcode::ping:
        if (sendable()) append_frame(WsOpcode::pong, message.payload);
        break;
      case WsOpcode::pong:
        break;
      case WsOpcode::close:
        close(message.close_code);
        return end(message, message.close_code, message.payload);
      default:
        return Taken::message;
    }
  }
  if (!reader_.failed()) return Taken::nothing;
  close(reader_.close_code(), reader_.close_reason());
  return end(message, reader_.close_code(), reader_.close_reason());
}

WebSocket::Taken WebSocket::end(WsMessage& message, std::uint16_t code, std::string_view reason) {
  ended_ = true;
  end_code_ = code;
  message = {.opcode = WsOpcode::close, .payload = reason, .close_code = code};
  return Taken::end;
}

// Receives more and feeds it to the reader. Gives the kernel's result, -ETIMEDOUT where nothing
// came while a buffer was held for it.
Task<std::int32_t> WebSocket::fill() {
  // Of a large frame the rest goes straight into place.
  const std::span<char> room = reader_.room();
  if (room.size() >= Buffer::kLarge || (ahead_ == 0 && room.size() >= kManyBytes)) {
    in_.release();
    const std::int32_t result = co_await socket_.receive_into(room);
    if (result > 0) reader_.filled(static_cast<std::size_t>(result));
    co_return result;
  }
  in_.clear();
  std::int32_t result = 0;
  if (ahead_ > 0) {
    const std::span<char> own = in_.room(ahead_);
    result = co_await socket_.receive_into(own, after_ms(kHoldMs));
    if (result > 0) in_.grown(static_cast<std::size_t>(result));
    if (result == static_cast<std::int32_t>(own.size())) {
      ahead_ = Buffer::kLarge;
    } else if (result < static_cast<std::int32_t>(kManyBytes)) {
      ahead_ = 0;
    }
  } else {
    // Copied, so that the core has its buffer back whatever the program does now.
    in_.release();
    const Received received = co_await socket_.receive();
    result = received.result();
    in_.append(received.bytes());
    if (result >= static_cast<std::int32_t>(kManyBytes)) ahead_ = Buffer::kUsual;
  }
  if (result > 0) reader_.feed(in_.bytes());
  co_return result;
}

Task<bool> WebSocket::receive_more(WsMessage* message) {
  heard_ns_ = reactor().now_ns();  // nothing was due before
  for (;;) {
    // Who does not read our pongs is not read from.
    co_await Send(*this, true);
    if (pace_.waits(reactor().now_ns())) {
      co_await scope().sleep(pace_.wait_ns(reactor().now_ns()));
    }
    receiving_ = true;
    const std::int32_t result = co_await fill();
    receiving_ = false;
    if (result == -ETIMEDOUT) continue;
    if (result <= 0) {
      end(*message, ws_close::kAbnormal, {});
      co_return false;
    }
    heard_ns_ = reactor().now_ns();
    pace_.received(static_cast<std::size_t>(result), options_.receive_bytes_per_s, heard_ns_);
    const Taken taken = take(*message);
    if (taken != Taken::nothing) {
      message_pace_ = {};
      co_return taken == Taken::message;
    }
    if (message_pace_.too_slow(reader_.in_message(), static_cast<std::size_t>(result),
                               options_.least_pace, heard_ns_)) {
      close(ws_close::kPolicy, kTooSlow);
      end(*message, ws_close::kPolicy, kTooSlow);
      co_return false;
    }
  }
}

// --- sending ---

WebSocket::Send WebSocket::send(WsOpcode opcode, std::string_view payload) {
  RINGCAST_CHECK(opcode == WsOpcode::text || opcode == WsOpcode::binary);
  const bool queued = sendable();
  if (queued) append_frame(opcode, payload);
  return {*this, queued};
}

void WebSocket::close(std::uint16_t code, std::string_view reason) {
  if (!sendable()) return;
  RINGCAST_CHECK(code == ws_close::kNoCode || is_close_code(code));
  std::string frame;
  append_close_frame(frame, code, reason);
  out_.append(frame);
  wake_writer();
  closing_ = true;
  reactor().timers().arm(*this, after_ms(options_.close_timeout_ms));
}

void WebSocket::append_frame(WsOpcode opcode, std::string_view payload) {
  wake_writer();
  if (deflater_ != nullptr && !is_control(opcode) &&
      payload.size() >= options_.deflate_from_bytes && append_compressed(opcode, payload)) {
    return;
  }
  char* const head = out_.room(kMostWsHeaderBytes + payload.size()).data();
  out_.grown(static_cast<std::size_t>(write_frame_header(head, opcode, payload.size()) - head));
  out_.append(payload);
}

bool WebSocket::append_compressed(WsOpcode opcode, std::string_view payload) {
  // The header needs the length: there is room for the longest, and the body moves up to it.
  const std::size_t before = out_.size();
  const std::size_t gap = before + kMostWsHeaderBytes;
  out_.room(kMostWsHeaderBytes);
  out_.grown(kMostWsHeaderBytes);
  const bool done = deflater_->compress(payload, out_);
  const std::size_t length = out_.size() - gap;
  // What the peer's inflater does not know of must not have been in our context either.
  if (!done || (!deflater_->keeps_context() && length >= payload.size())) {
    out_.truncate(before);
    return false;
  }
  char* const head = out_.bytes().data() + before;
  char* const body = write_frame_header(head, opcode, length, true, true);
  std::memmove(body, out_.bytes().data() + gap, length);
  out_.truncate(before + static_cast<std::size_t>(body - head) + length);
  return true;
}

void WebSocket::wake_writer() {
  if (writing_) return;
  writing_ = true;
  scope().spawn(write());
}

void WebSocket::wake_senders() {
  if (!broken_ && !has_room()) return;
  while (Send* const waiting = senders_.pop_front()) reactor().ready(waiting->handle_);
}

// Lives while there is something to send.
Task<void> WebSocket::write() {
  // What else is sent in this turn goes out with it.
  co_await NextTurn{reactor()};
  while (!out_.empty() && !broken_) {
    std::swap(out_, sending_);
    for (std::string_view left = sending_.view(); !left.empty() && !broken_;) {
      const std::string_view piece = left.substr(0, kMostSendBytes);
      const std::int32_t sent = co_await socket_.send(piece, after_ms(options_.send_timeout_ms));
      broken_ = sent != static_cast<std::int32_t>(piece.size());
      left.remove_prefix(piece.size());
    }
    sending_.release();
    wake_senders();
  }
  writing_ = false;
  if (broken_) scope().cancel();
}

// --- the session's course ---

void WebSocket::draining() { close(ws_close::kGoingAway, "the server is shutting down"); }

void WebSocket::expired(Timer& timer) {
  auto& self = static_cast<WebSocket&>(timer);
  if (self.closing_) {
    // The peer had its time for its own close frame.
    self.scope().cancel();
  } else {
    self.look_after(self.reactor().now_ns());
  }
}

// Pings a silent peer, leaves a dead one, and arms the timer for the next look.
void WebSocket::look_after(std::int64_t now_ns) {
  TimerWheel& timers = reactor().timers();
  if (ended_ || options_.ping_after_ms == 0) return;
  // Nothing is heard while the program does not receive.
  if (!receiving_) heard_ns_ = std::max(heard_ns_, now_ns);
  const auto pong_ns = static_cast<std::int64_t>(options_.pong_timeout_ms) * kNsPerMs;
  const auto silence_ns = static_cast<std::int64_t>(options_.ping_after_ms) * kNsPerMs;
  if (pinged_ns_ > heard_ns_) {
    scope().cancel();
  } else if (now_ns - heard_ns_ >= silence_ns) {
    append_frame(WsOpcode::ping, {});
    pinged_ns_ = now_ns;
    timers.arm(*this, now_ns + pong_ns);
  } else {
    timers.arm(*this, heard_ns_ + silence_ns);
  }
}

Task<void> WebSocket::finish() {
  close(ws_close::kNormal);
  for (WsMessage ignored; co_await receive(ignored);) {
  }
  co_await scope().join();
  TimerWheel::disarm(*this);
}

Task<bool> WebSocket::accept(HttpExchange& exchange, const WebSocketOptions& options,
                             Agreed& agreed) {
  const auto upgrade = read_upgrade(exchange.head());
  if (!upgrade || exchange.draining()) {
    refuse_upgrade(exchange, upgrade ? kDraining : upgrade.error());
    co_return false;
  }
  agreed.subprotocol = upgrade->choose_subprotocol(options.subprotocols);
  agreed.deflate = negotiate_deflate(exchange.head(), options.deflate);
  const std::string response = upgrade_response(*upgrade, agreed.subprotocol, agreed.deflate);
  const bool sent = co_await exchange.switch_protocols(response);
  exchange.release_head();
  co_return sent;
}

Task<void> serve_websocket(HttpExchange& exchange, std::function<Task<void>(WebSocket&)> serve,
                           const WebSocketOptions& options) {
  WebSocket::Agreed agreed;
  if (!co_await WebSocket::accept(exchange, options, agreed)) co_return;
  WebSocket socket(exchange, options, agreed);
  co_await serve(socket);
  co_await socket.finish();
}

}  // namespace ringcast
