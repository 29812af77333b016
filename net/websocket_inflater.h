// Inflates the messages of one direction of a WebSocket (RFC 7692 §7.2.2).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "net/buffer.h"

namespace ringcast {

// zlib's memory (some 40 KiB) is taken with the first message. One that keeps no context may serve
// all connections of a core, a whole message at a time.
class Inflater {
 public:
  enum class Outcome : std::uint8_t { ok, corrupt, too_big, too_busy, no_memory };

  // `keep_context`: the peer refers back to earlier messages.
  explicit Inflater(bool keep_context);
  ~Inflater();
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool keeps_context() const { return keep_context_; }

  // Appends what a piece of a message inflates to; `out` never grows beyond `most_bytes`. After
  // anything but ok the connection is to be failed; begin() makes it usable for another one.
  Outcome inflate(std::string_view piece, Buffer& out, std::uint64_t most_bytes);
  // The message is complete: appends what is still due.
  Outcome finish(Buffer& out, std::uint64_t most_bytes);
  // Forgets what was begun, and all context.
  void begin();

 private:
  struct Stream;
  Outcome run(std::string_view piece, Buffer& out, std::uint64_t most_bytes, int flush);

  std::unique_ptr<Stream> stream_;
  bool keep_context_;
  bool any_ = false;    // of this message something came
  bool ended_ = false;  // the last block of a stream is behind us, and nothing came after it
};

}  // namespace ringcast
