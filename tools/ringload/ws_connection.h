// A client's end of one WebSocket (RFC 6455): the handshake, masked frames out, messages in.
//
// Lifecycle: dial() → on_open() → write(), on_written(), on_message()… → on_ended(). Pings are
// answered. What is written while a send is under way, or while the messages of one receive are
// being handled, goes out together in the next send.
//
// The masking key is drawn once for a connection, not for each frame: what it guards against,
// scripts that choose the bytes which a proxy sees, does not exist here, and frames can be
// prepared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/connection.h"
#include "tools/ringload/ws_stream.h"

namespace ringcast::load {

class WsConnection : public Connection {
 public:
  WsConnection(Loop& loop, std::size_t ring);

 protected:
  // `request`: see render_handshake(). Again after on_abandoned().
  void dial(const Address& to, const SocketOptions& options, std::string request);
  // A message or a control frame.
  void write(WsOpcode opcode, std::string_view payload);
  // A whole frame, masked with mask(), for the next flush().
  void append_frame(std::string_view frame) { waiting_ += frame; }
  void flush();
  // The same at once and without a copy, when nothing is being sent: it must stay as it is until
  // on_written().
  void send_frame(std::string_view frame);
  void send_frames(msghdr& parts);
  // Closes the connection; on_ended() is called with the message.
  void end(std::string message);
  void stop_reading() { reading_ = false; }

  bool is_open() const { return phase_ == Phase::open; }
  bool sending() const { return sending_; }
  WsMask mask() const { return mask_; }

 private:
  friend class WsStream;
  enum class Phase : std::uint8_t { connecting, asking, open, ended };

  virtual void on_open() = 0;
  virtual void on_data(const WsMessage& message) = 0;  // text or binary
  virtual void on_ended(std::string message) = 0;
  // Everything written has been sent.
  virtual void on_written() {}
  // At the front of each receive, before its messages.
  virtual void on_receive(std::size_t) {}

  void on_connected() final;
  void on_sent() final;
  void on_bytes(std::string_view bytes) final;
  void on_end(int error, std::string_view where) final;

  void read_head(std::string_view bytes);
  void read_frames(std::string_view bytes);
  bool on_message(const WsMessage& message);

  WsStream stream_;
  std::string text_;       // the request, then the response's head
  std::string waiting_;    // frames for the next send
  std::string under_way_;  // frames being sent
  WsMask mask_;
  Phase phase_ = Phase::connecting;
  bool sending_ = false;
  bool gathering_ = false;  // the messages of a receive are being handled
  bool reading_ = true;
};

}  // namespace ringcast::load
