// A message with a stamp in it, framed and masked once (RFC 6455 §5.2, §5.3): only the stamp is put
// in anew for each.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "net/websocket_frame.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

class StampedFrame {
 public:
  // The message is `before`, a stamp, `after`.
  StampedFrame(std::string_view before, std::string_view after, WsOpcode opcode, WsMask mask)
      : mask_(mask), offset_(before.size()) {
    std::string text(before);
    text.append(kStampBytes, '0').append(after);
    apply_mask(text, mask);
    char head[kMostWsHeaderBytes];
    frame_.assign(head, write_masked_header(head, opcode, text.size(), mask));
    stamp_at_ = frame_.size() + offset_;
    frame_ += text;
  }

  // The frame's bytes, good until the next call.
  std::string_view with(const StampCodec& codec, const Stamp& stamp) {
    char text[kStampBytes];
    codec.write(text, stamp);
    apply_mask(text, mask_, offset_);
    std::memcpy(frame_.data() + stamp_at_, text, kStampBytes);
    return frame_;
  }

  // How many of its bytes change, from the front; what is behind them stays the same.
  std::size_t head_bytes() const { return stamp_at_ + kStampBytes; }
  std::string_view tail() const { return std::string_view(frame_).substr(head_bytes()); }

 private:
  WsMask mask_;
  std::size_t offset_;  // of the stamp in the message
  std::size_t stamp_at_ = 0;
  std::string frame_;
};

}  // namespace ringcast::load
