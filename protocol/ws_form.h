// Events as WebSocket messages: text frames (RFC 6455 §5.2) of their JSON text
// (protocol/event_message.h). Framed once for all subscribers of a core who share the form; in the
// compressed form (RFC 7692) deflated once too, each message on its own.
//
// A gap is an event `gap`; a position without an event is `{"type":"position","id":"…"}`; the last
// of a drained server is `{"type":"drain","retry_ms":N}` and a close frame 1001.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/wire_form.h"
#include "net/websocket_deflate.h"
#include "net/websocket_frame.h"
#include "protocol/event_message.h"

namespace ringcast {

// Appends a text frame, as a server sends it.
void append_text_frame(std::string& out, std::string_view text);

class WsForm : public WireForm {
 public:
  void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                    std::string_view id) override;
  void append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                  const EventIds& ids) override;
  void append_id(std::string& out, std::string_view id) override;
  std::string_view heartbeat() const override;  // a ping
  void append_farewell(std::string& out, std::uint64_t retry_ms) override;

 protected:
  EventMessage& message() { return message_; }

 private:
  EventMessage message_;
};

// The same, compressed where that makes a message shorter. Every message stands alone, so that all
// who agreed on as many window bits, or more, may share it: this is server_no_context_takeover.
class WsDeflateForm final : public WsForm {
 public:
  WsDeflateForm(WsForm& plain, int window_bits, int level);
  void append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                    std::string_view id) override;
  WireForm& composed() override { return plain_; }

 private:
  WsForm& plain_;
  Deflater deflater_;
  std::vector<char> compressed_;
};

// The forms of a core, each made when it is first asked for.
class WsForms {
 public:
  WsForm& plain() { return plain_; }
  WsDeflateForm& deflated(int window_bits);  // 9 to 15

 private:
  WsForm plain_;
  std::array<std::unique_ptr<WsDeflateForm>, 16> deflated_;
};

}  // namespace ringcast
