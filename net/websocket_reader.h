// WebSocket frames to messages (RFC 6455 §5 to §8, RFC 7692), without input or output.
//
//   WebSocketReader reader(WsRole::server, limits);
//   reader.feed(bytes);
//   while (reader.next(message)) use(message);
//   if (reader.failed()) close_with(reader.close_code(), reader.close_reason());
//
// Everything is refused as soon as it is certain: a header at its first wrong byte, text at the
// byte that cannot be UTF-8, a message at the header of the frame that makes it too long.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/utf8.h"
#include "net/buffer.h"
#include "net/websocket_frame.h"
#include "net/websocket_inflater.h"

namespace ringcast {

// What one peer may make us hold; more is refused with 1009. A compressed frame may exceed
// max_frame_bytes by what deflate costs where it cannot save (1/256 and 64 bytes);
// max_message_bytes is that of the inflated message.
struct WsLimits {
  std::uint64_t max_message_bytes = 1 << 20;
  std::uint64_t max_frame_bytes = 1 << 20;
};

// Whose end this is: a server gets masked frames, a client unmasked ones.
enum class WsRole : std::uint8_t { server, client };

struct WsMessage {
  WsOpcode opcode = WsOpcode::text;  // text, binary, close, ping or pong
  std::string_view payload;          // of a close: the reason
  std::uint16_t close_code = 0;      // of a close: kNoCode if it had none
};

// Idle, it holds nothing but itself.
class WebSocketReader {
 public:
  // `inflater`: null where compression was not agreed on; it must outlive the reader, and belongs
  // to it alone if it keeps its context from message to message.
  explicit WebSocketReader(WsRole role, const WsLimits& limits = {}, Inflater* inflater = nullptr);
  ~WebSocketReader();
  WebSocketReader(const WebSocketReader&) = delete;
  WebSocketReader& operator=(const WebSocketReader&) = delete;

  // Bytes as they came in. They are unmasked in place, and must stay until next() has returned
  // false. A message that lies whole in them is given as a view into them; what is incomplete is
  // kept in memory of the reader's own.
  void feed(std::span<char> bytes);

  // The next message; its payload is good until the next call of anything here. Control frames in
  // the midst of a fragmented message are given as they come. False: more bytes are needed, or
  // inflating(), or failed(), or a close message has been given, after which nothing counts any
  // more.
  bool next(WsMessage& message);

  // A message is being inflated slice by slice (Inflater): others go first, then next() goes on.
  // Nothing may be fed before; what was fed and not read yet has been kept.
  bool inflating() const { return slices_ != nullptr && !slices_->compressed.empty(); }

  bool failed() const { return failure_ != Failure::none; }
  std::uint16_t close_code() const;       // 1002, 1007, 1009; 1011 without memory
  std::string_view close_reason() const;  // static storage
  bool closed() const { return closed_; }
  bool in_message() const;  // something incomplete is held

  // Where the payload under way is to continue, for those who would rather receive straight into
  // place than feed: empty unless an uncompressed frame of data is incomplete and everything fed
  // was read. filled() then says how much came; next() after it as after feed().
  std::span<char> room();
  void filled(std::size_t bytes);

 private:
  enum class Failure : std::uint8_t {
    none,
    bad_header,
    not_masked,
    masked,
    bad_rsv1,
    nothing_to_continue,
    message_within_message,
    bad_close,
    bad_close_reason,
    bad_text,
    bad_deflate,
    too_big,
    too_busy,
    no_memory
  };
  struct Split;
  struct Slices {
    Buffer compressed;
    std::string_view left;  // of it
    Buffer later;           // what was fed behind it
  };

  bool fail(Failure failure);
  bool take_header();
  bool begin_frame(const WsFrameHeader& header);
  bool begin_data(const WsFrameHeader& header);
  bool take_control(WsMessage& message);
  bool give_control(WsMessage& message, std::span<char> payload);
  bool take_data(WsMessage& message);
  bool collect(std::string_view piece);
  bool take_compressed(std::string_view piece);
  bool inflate(std::string_view piece, Buffer& out);
  bool settle(Inflater::Outcome outcome, const Buffer& out, std::size_t before);
  bool finish_inflating();
  bool inflate_whole();
  bool inflate_slice();
  bool check_text(std::string_view piece);
  bool give_held(WsMessage& message);
  bool give(WsMessage& message, std::string_view payload);
  std::span<char> take(std::uint64_t most);
  void unmask(std::span<char> piece);
  void drop_split();
  std::uint64_t wire_limit(std::uint64_t limit) const;

  WsLimits limits_;
  Inflater* inflater_;
  char* at_ = nullptr;  // what was fed and not read yet
  char* end_ = nullptr;
  Buffer held_;             // of a message whose end is not here yet; or inflated
  Split* split_ = nullptr;  // a header or a control frame that came in parts
  std::unique_ptr<Slices> slices_;
  std::uint64_t frame_left_ = 0;
  WsMask mask_{};  // turned as far as the payload was read
  Utf8Validator text_;
  WsRole role_;
  Failure failure_ = Failure::none;
  WsOpcode opcode_ = WsOpcode::continuation;   // of the message under way; continuation: none
  WsOpcode control_ = WsOpcode::continuation;  // of the control frame under way
  bool in_frame_ : 1 = false;
  bool fin_ : 1 = false;
  bool compressed_ : 1 = false;
  bool closed_ : 1 = false;
  bool given_ : 1 = false;        // held_ is what next() gave last
  bool split_given_ : 1 = false;  // split_ is
};

static_assert(sizeof(WebSocketReader) <= 112);

}  // namespace ringcast
