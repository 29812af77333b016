// Reads what a server sends on one WebSocket (RFC 6455 §5) at the least cost, for any split of the
// bytes.
//
// A message in a frame of its own is given as it lies in the bytes; whether its text is UTF-8 is
// not looked at, since whoever knows what it must say compares it. Control frames, fragments and
// whatever is wrong go through WebSocketReader. A frame that is incomplete at the end of the bytes
// is copied and completed by the next ones.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/websocket_reader.h"

namespace ringcast::load {

class WsStream {
 public:
  static constexpr std::uint64_t kMessageBytesMax = std::uint64_t{64} << 20;

  // Calls sink.on_message(const WsMessage&) for each message, also close, ping and pong; it returns
  // whether to go on. False if nothing more can be read: the sink wanted no more, failed(), or a
  // close message was given.
  template <class Sink>
  bool feed(std::string_view bytes, Sink& sink) {
    while (!bytes.empty()) {
      if (!carry_.empty()) {
        if (!complete_carried(bytes)) return !too_big_;
        const bool more = take(carry_, sink);
        carry_.clear();
        if (!more) return false;
        continue;
      }
      const std::uint64_t size = measure(bytes);
      if (size == 0 || size > bytes.size()) {
        too_big_ = size > kMessageBytesMax;
        if (!too_big_) carry_.assign(bytes);
        return !too_big_;
      }
      if (!take(bytes.substr(0, size), sink)) return false;
      bytes.remove_prefix(size);
    }
    return true;
  }

  // Another connection begins.
  void restart() {
    std::destroy_at(this);
    std::construct_at(this);
  }

  bool failed() const { return too_big_ || reader_.failed(); }
  std::string_view failure() const {
    return too_big_ ? std::string_view("a message is too large") : reader_.close_reason();
  }
  // True when the bytes so far end between two messages.
  bool at_boundary() const { return carry_.empty() && !in_message_; }

 private:
  static constexpr unsigned kFinalText = 0x81;
  static constexpr unsigned kFinalBinary = 0x82;

  static unsigned at(std::string_view bytes, std::size_t index) {
    return static_cast<unsigned char>(bytes[index]);
  }

  // Bytes of the frame at the front, its header included; 0: the header is not complete.
  static std::uint64_t measure(std::string_view bytes) {
    if (bytes.size() < 2) return 0;
    const unsigned length = at(bytes, 1) & 0x7fU;
    const std::uint64_t mask = (at(bytes, 1) & 0x80U) != 0 ? 4 : 0;
    if (length < 126) return 2 + mask + length;
    if (length == 126) {
      return bytes.size() < 4 ? 0 : 4 + mask + (at(bytes, 2) << 8 | at(bytes, 3));
    }
    if (bytes.size() < 10) return 0;
    std::uint64_t value = 0;
    for (std::size_t index = 2; index < 10; ++index) value = value << 8 | at(bytes, index);
    return 10 + mask + std::min<std::uint64_t>(value, std::uint64_t{1} << 62);
  }

  // Moves what the frame in carry_ lacks out of `bytes`; whether it is complete.
  bool complete_carried(std::string_view& bytes) {
    while (true) {
      const std::uint64_t size = measure(carry_);
      if (size == carry_.size()) return true;
      too_big_ = size > kMessageBytesMax;
      if (bytes.empty() || too_big_) return false;
      const std::size_t step =
          size == 0 ? 1 : std::min<std::size_t>(size - carry_.size(), bytes.size());
      carry_.append(bytes.substr(0, step));
      bytes.remove_prefix(step);
    }
  }

  template <class Sink>
  bool take(std::string_view frame, Sink& sink) {
    const unsigned first = at(frame, 0);
    const unsigned length = at(frame, 1);
    const bool plain = (first == kFinalText || first == kFinalBinary) && length < 128;
    if (!plain || in_message_) [[unlikely]]
      return take_unusual(frame, sink);
    const std::size_t head = length < 126 ? 2 : length == 126 ? 4 : 10;
    return sink.on_message(
        {.opcode = static_cast<WsOpcode>(first & 0x0fU), .payload = frame.substr(head)});
  }

  template <class Sink>
  bool take_unusual(std::string_view frame, Sink& sink) {
    // The reader writes to masked frames only, and refuses those.
    reader_.feed({const_cast<char*>(frame.data()), frame.size()});
    WsMessage message;
    while (reader_.next(message)) {
      if (!sink.on_message(message)) return false;
    }
    in_message_ = reader_.in_message();
    return !reader_.failed() && !reader_.closed();
  }

  WebSocketReader reader_{
      WsRole::client, {.max_message_bytes = kMessageBytesMax, .max_frame_bytes = kMessageBytesMax}};
  std::string carry_;        // an incomplete frame
  bool in_message_ = false;  // a fragmented one
  bool too_big_ = false;
};

}  // namespace ringcast::load
