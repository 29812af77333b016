// Inflates the messages of one direction of a WebSocket (RFC 7692 §7.2.2).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>

#include "net/buffer.h"

namespace ringcast {

// zlib's memory (some 40 KiB) is taken with the first message. One that keeps no context may serve
// all connections of a core, a whole message at a time.
class Inflater {
 public:
  enum class Outcome : std::uint8_t { ok, more, corrupt, too_big, too_busy, no_memory };
  static constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();

  // `keep_context`: the peer refers back to earlier messages. `slice_bytes`: what inflate_some()
  // gives at a time.
  explicit Inflater(bool keep_context, std::uint64_t slice_bytes = kAny);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool keeps_context() const { return keep_context_; }

  // Appends what a piece of a message inflates to; `out` never grows beyond `most_bytes`. After
  // anything but ok the connection is to be failed; begin() makes it usable for another one.
  Outcome inflate(std::string_view piece, Buffer& out, std::uint64_t most_bytes);
  // A slice of that. `more`: call again with what is left of `piece`, even if it is empty.
  Outcome inflate_some(std::string_view& piece, Buffer& out, std::uint64_t most_bytes);
  // The message is complete: appends what is still due.
  Outcome finish(Buffer& out, std::uint64_t most_bytes);
  // Forgets what was begun, and all context.
  void begin();

 private:
  struct Stream;
  struct Bounds {
    std::uint64_t most_bytes;
    std::uint64_t slice_bytes = kAny;
  };
  bool open();
  Outcome run(std::string_view& piece, Buffer& out, Bounds bounds, int flush);

  std::unique_ptr<Stream> stream_;
  std::uint64_t slice_bytes_;
  bool keep_context_;
  bool any_ = false;    // of this message something came
  bool ended_ = false;  // the last block of a stream is behind us, and nothing came after it
};

}  // namespace ringcast
