#include "tools/ringload/ws_connection.h"

#include <fmt/format.h>

#include <cstring>
#include <random>

#include "core/check.h"
#include "tools/ringload/response_reader.h"
#include "tools/ringload/target.h"

namespace ringcast::load {
namespace {

WsMask random_mask() {
  static std::minstd_rand random(std::random_device{}());
  WsMask mask;
  for (unsigned char& byte : mask) byte = static_cast<unsigned char>(random() >> 8);
  return mask;
}

}  // namespace

WsConnection::WsConnection(Loop& loop, std::size_t ring)
    : Connection(loop, ring), mask_(random_mask()) {}

void WsConnection::dial(const Address& to, const SocketOptions& options, std::string request) {
  text_ = std::move(request);
  stream_.restart();
  waiting_.clear();
  under_way_.clear();
  phase_ = Phase::connecting;
  sending_ = false;
  reading_ = true;
  open(to, options);
}

void WsConnection::on_connected() {
  phase_ = Phase::asking;
  send(text_);
}

void WsConnection::on_sent() {
  if (phase_ == Phase::asking) {
    text_.clear();
    receive();
    return;
  }
  sending_ = false;
  under_way_.clear();
  flush();
  if (!sending_ && is_open()) on_written();
}

void WsConnection::write(WsOpcode opcode, std::string_view payload) {
  char head[kMostWsHeaderBytes];
  waiting_.append(head, write_masked_header(head, opcode, payload.size(), mask_));
  const std::size_t at = waiting_.size();
  waiting_ += payload;
  apply_mask(std::span(waiting_).subspan(at), mask_);
  flush();
}

void WsConnection::send_frame(std::string_view frame) {
  RINGCAST_CHECK(!sending_);
  sending_ = true;
  send(frame);
}

void WsConnection::send_frames(msghdr& parts) {
  RINGCAST_CHECK(!sending_);
  sending_ = true;
  send_parts(parts);
}

void WsConnection::flush() {
  if (gathering_ || sending_ || waiting_.empty() || !is_open()) return;
  under_way_.swap(waiting_);
  sending_ = true;
  send(under_way_);
}

void WsConnection::on_bytes(std::string_view bytes) {
  if (phase_ == Phase::ended) return;
  on_receive(bytes.size());
  gathering_ = true;
  phase_ == Phase::asking ? read_head(bytes) : read_frames(bytes);
  gathering_ = false;
  if (phase_ == Phase::ended) return;
  flush();
  if (reading_) receive();
}

void WsConnection::read_head(std::string_view bytes) {
  const std::size_t before = text_.size();
  text_ += bytes;
  const std::size_t length = find_head_end(text_);
  if (length == 0) {
    if (text_.size() > kResponseHeadBytesMax) end("the response's head is too long");
    return;
  }
  const auto head = parse_response_head(std::string_view(text_).substr(0, length));
  if (!head) return end(head.error().message);
  if (head->status != 101) {
    if (is_whole_response(text_)) end(describe_refusal(text_));  // its body says why
    return;
  }
  if (head->websocket_accept != kWebSocketAccept) {
    return end(fmt::format("the answer to the handshake has the wrong Sec-WebSocket-Accept `{}`",
                           head->websocket_accept));
  }
  phase_ = Phase::open;
  std::string().swap(text_);
  on_open();
  if (is_open() && reading_) read_frames(bytes.substr(length - before));
}

void WsConnection::read_frames(std::string_view bytes) {
  if (stream_.feed(bytes, *this) || phase_ == Phase::ended) return;
  end(fmt::format("what the server sent is no WebSocket: {}", stream_.failure()));
}

bool WsConnection::on_message(const WsMessage& message) {
  switch (message.opcode) {
    case WsOpcode::text:
    case WsOpcode::binary:
      on_data(message);
      break;
    case WsOpcode::ping:
      write(WsOpcode::pong, message.payload);
      break;
    case WsOpcode::close:
      end(fmt::format("the server has closed the WebSocket ({}{}{})", message.close_code,
                      message.payload.empty() ? "" : ": ", message.payload));
      break;
    default:
      break;
  }
  return is_open();
}

void WsConnection::end(std::string message) {
  if (phase_ == Phase::ended) return;
  close();
  phase_ = Phase::ended;
  on_ended(std::move(message));
}

void WsConnection::on_end(int error, std::string_view where) {
  if (phase_ == Phase::asking && error == 0 && find_head_end(text_) != 0) {
    return end(describe_refusal(text_));
  }
  end(error == 0 ? "the server has closed the connection"
                 : fmt::format("{}: {}", where, std::strerror(error)));
}

}  // namespace ringcast::load
