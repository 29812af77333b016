#include "tools/ringcast/cli_websocket.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <span>

#include "net/websocket_client_handshake.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Scripts cannot choose what we send, but the standard wants no mask twice (§5.3).
WsMask random_mask() {
  WsMask mask{};
  RINGCAST_CHECK(::getrandom(mask.data(), mask.size(), 0) == mask.size());
  return mask;
}

// What may be behind a refusal of the handshake.
std::string_view advice(int status) {
  switch (status) {
    case 404:
      return " Does this server speak WebSocket, and is --url right?";
    case 426:
      return " Does a proxy on the way drop the Upgrade header?";
    case 501:
      return " WebSocket is switched off there: `ringcast features` shows what is on.";
    default:
      return "";
  }
}

}  // namespace

WebSocketClient::WebSocketClient(Scope& scope, const WebSocketClientOptions& options)
    : scope_(scope), options_(options), client_(scope) {}

Task<Result<void>> WebSocketClient::open(const Endpoint* endpoint, std::string path) {
  close();
  refused_ = {};
  auto opened = co_await ringcast::open(&client_, endpoint);
  if (opened) opened = co_await shake_hands(endpoint, std::move(path));
  if (!opened) client_.close();
  co_return opened;
}

Task<Result<void>> WebSocketClient::shake_hands(const Endpoint* endpoint, std::string path) {
  const std::string key = random_websocket_key();
  std::vector<ClientHeader> headers = upgrade_headers(key, options_.compress);
  headers.insert(headers.end(), endpoint->headers.begin(), endpoint->headers.end());
  const std::string target = endpoint->target(path);
  auto response = co_await client_.request(
      {.host = endpoint->url.authority, .target = target, .headers = headers});
  if (!response) co_return std::unexpected(response.error());
  if (response->status != 101) {
    refused_ = *response;
    Error error = co_await refusal(&client_, std::move(*response));
    error.message += advice(refused_.status);
    co_return std::unexpected(std::move(error));
  }
  const auto agreed = read_upgrade_answer(*response, key, options_.compress);
  if (!agreed) co_return std::unexpected(agreed.error());
  if (*agreed) inflater_.emplace(!(*agreed)->server_no_context_takeover);
  reader_.emplace(
      WsRole::client,
      WsLimits{.max_message_bytes = kMessageBytesMax, .max_frame_bytes = kMessageBytesMax},
      inflater_ ? &*inflater_ : nullptr);
  co_return Result<void>{};
}

void WebSocketClient::queue_frame(WsOpcode opcode, std::string_view payload) {
  const WsMask mask = random_mask();
  char head[kMostWsHeaderBytes];
  waiting_.append(head, write_masked_header(head, opcode, payload.size(), mask));
  const std::size_t at = waiting_.size();
  waiting_ += payload;
  apply_mask(std::span(waiting_).subspan(at), mask);
}

void WebSocketClient::queue(std::string_view text) { queue_frame(WsOpcode::text, text); }

Task<Result<void>> WebSocketClient::flush() {
  if (waiting_.empty()) co_return Result<void>{};
  under_way_.swap(waiting_);
  auto sent = co_await client_.send(under_way_);
  under_way_.clear();
  co_return sent;
}

bool WebSocketClient::take(std::string_view& text) {
  WsMessage message;
  while (reader_ && reader_->next(message)) {
    switch (message.opcode) {
      case WsOpcode::ping:
        queue_frame(WsOpcode::pong, message.payload);
        break;
      case WsOpcode::close: {
        std::string payload;
        append_close_payload(payload, message.close_code, {});
        queue_frame(WsOpcode::close, payload);
        closed_ = true;
        farewell_ = message.close_code == ws_close::kNoCode ? "without a code"
                                                            : std::to_string(message.close_code);
        if (!message.payload.empty()) farewell_ += ": ";
        append_printable(farewell_, message.payload);
        break;
      }
      case WsOpcode::text:
      case WsOpcode::binary:
        text = message.payload;
        return true;
      default:
        break;
    }
  }
  return false;
}

Result<void> WebSocketClient::settle() const {
  if (reader_->failed()) {
    return fail("bad_frames",
                fmt::format("What the server sent is no WebSocket: {}", reader_->close_reason()));
  }
  if (closed_)
    return fail("closed", fmt::format("The server closed the WebSocket ({}).", farewell_));
  return {};
}

Task<Result<void>> WebSocketClient::fill(std::int64_t limit_ms) {
  RINGCAST_CHECK(reader_);
  if (auto sent = co_await flush(); !sent && !closed_) co_return sent;
  if (auto settled = settle(); !settled) co_return settled;
  auto piece = co_await wait(limit_ms);
  if (!piece) co_return std::unexpected(piece.error());
  if (piece->empty()) co_return fail("closed_early", "The server ended the connection.");
  // A client's reader has nothing to unmask: it leaves the bytes as they are.
  reader_->feed({const_cast<char*>(piece->data()), piece->size()});
  co_return Result<void>{};
}

Task<Result<std::string_view>> WebSocketClient::wait(std::int64_t limit_ms) {
  const std::int64_t silence_ns = options_.silence_ms * kNsPerMs;
  const std::int64_t limit_ns = limit_ms < 0 ? kNever : now_ns() + limit_ms * kNsPerMs;
  for (;;) {
    const std::int64_t silent_ns =
        silence_ns == 0 ? kNever : heard_ns_ + (pinged_ ? silence_ns : silence_ns / 2);
    const std::int64_t by_ns = std::min(limit_ns, silent_ns);
    const std::int64_t left_ms = std::max<std::int64_t>((by_ns - now_ns()) / kNsPerMs, 1);
    auto piece = co_await client_.next_piece(by_ns == kNever ? HttpClient::kNoLimit : left_ms);
    if (piece) {
      heard_ns_ = now_ns();
      pinged_ = false;
    }
    if (piece || piece.error().code != "timed_out" || limit_ns <= silent_ns) co_return piece;
    if (pinged_) co_return fail("silent", "Nothing was heard from the server.");
    pinged_ = true;
    queue_frame(WsOpcode::ping, {});
    if (auto sent = co_await flush(); !sent) co_return std::unexpected(sent.error());
  }
}

void WebSocketClient::close() {
  if (client_.connected() && reader_ && !closed_) {
    std::string payload;
    append_close_payload(payload, reader_->failed() ? reader_->close_code() : ws_close::kNormal,
                         {});
    queue_frame(WsOpcode::close, payload);
    [[maybe_unused]] const auto sent = ::send(client_.descriptor().number(), waiting_.data(),
                                              waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  client_.close();
  reader_.reset();
  inflater_.reset();
  waiting_.clear();
  closed_ = pinged_ = false;
}

}  // namespace ringcast
