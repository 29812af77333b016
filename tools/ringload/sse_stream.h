// Reads the events of one SSE stream (WHATWG HTML §9.2) at the least cost, for any split of the
// bytes.
//
// The fast path: an event is expected to look like the one before it. If the stamp and the empty
// line are where they were then, the event is taken without looking at the bytes between. Otherwise
// it is read line by line and the new layout remembered; a counter in the id that gets a digit more
// costs one such event. Lines end in LF or CRLF (a lone CR is legal too, but no server writes it).
//
// What is incomplete at the end of the bytes is copied and completed by the next ones; an event may
// have at most kEventBytesMax.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

// The value of the last field `id` in the text of an event; nothing if there is none.
inline std::optional<std::string_view> last_id_of(std::string_view block) {
  std::optional<std::string_view> id;
  while (!block.empty()) {
    const std::size_t end = block.find('\n');
    std::string_view line = block.substr(0, end);
    block.remove_prefix(end == std::string_view::npos ? block.size() : end + 1);
    if (!line.starts_with("id:")) continue;
    line.remove_prefix(3);
    if (line.starts_with(' ')) line.remove_prefix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    id = line;
  }
  return id;
}

class SseStream {
 public:
  static constexpr std::size_t kEventBytesMax = std::size_t{4} << 20;

  // Calls sink.on_stamp(const Stamp&) for each event of this run, sink.on_gap() for each event of
  // type `gap`, sink.on_foreign() for each other event with data. `payload_bytes`: of every event
  // of this run. False if an event exceeds kEventBytesMax; the stream is of no use then.
  // A sink that has on_block(std::string_view) gets the text of everything up to an empty line,
  // too, and before that.
  template <class Sink>
  bool feed(std::string_view bytes, const StampCodec& codec, std::size_t payload_bytes,
            Sink& sink) {
    while (!carry_.empty() && !bytes.empty()) {
      const std::size_t before = carry_.size();
      const std::size_t taken = std::min<std::size_t>(bytes.size(), std::max(length_, kCarryStep));
      carry_.append(bytes.substr(0, taken));
      const std::size_t used = parse(carry_, codec, payload_bytes, sink);
      if (used == 0) {
        if (carry_.size() > kEventBytesMax) return false;
        bytes.remove_prefix(taken);
        continue;
      }
      // What was carried was incomplete, so the event ends in the new bytes.
      RINGCAST_CHECK(used > before);
      bytes.remove_prefix(used - before);
      carry_.clear();
      scanned_ = 0;
    }
    if (bytes.empty()) return true;
    const std::size_t used = parse(bytes, codec, payload_bytes, sink);
    if (used < bytes.size()) carry_.assign(bytes.substr(used));
    return carry_.size() <= kEventBytesMax;
  }

  // Another stream begins, whose events look the same.
  void restart() {
    carry_.clear();
    scanned_ = 0;
  }

  // True when the bytes so far end between two events.
  bool at_boundary() const { return carry_.empty(); }

 private:
  static constexpr std::size_t kCarryStep = 256;

  // Takes whole events from the front of `bytes`; the number of bytes taken.
  template <class Sink>
  std::size_t parse(std::string_view bytes, const StampCodec& codec, std::size_t payload_bytes,
                    Sink& sink) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end) {
      Stamp stamp;
      if (static_cast<std::size_t>(end - at) >= length_ && length_ != 0 &&
          at[length_ - 1] == '\n' && at[length_ - 2] == '\n' && codec.read(at + stamp_at_, stamp)) {
        show_block({at, length_}, sink);
        sink.on_stamp(stamp);
        at += length_;
        continue;
      }
      const std::string_view rest(at, static_cast<std::size_t>(end - at));
      // Only the first event may be one that was looked at before.
      if (at != bytes.data()) scanned_ = 0;
      const std::size_t length = find_end(rest);
      if (length == 0) break;
      show_block(rest.substr(0, length), sink);
      read_block(rest.substr(0, length), codec, payload_bytes, sink);
      at += length;
    }
    return static_cast<std::size_t>(at - bytes.data());
  }

  // The length of the first event with its empty line, or 0. Remembers how far it has looked.
  std::size_t find_end(std::string_view rest) {
    if (rest[0] == '\n') return 1;
    if (rest.size() >= 2 && rest[0] == '\r' && rest[1] == '\n') return 2;
    // The empty line may have begun within the last three bytes of what was looked at.
    std::size_t at = scanned_ < 3 ? 0 : scanned_ - 3;
    while ((at = rest.find('\n', at)) != std::string_view::npos) {
      const std::string_view next = rest.substr(at + 1, 2);
      if (next.starts_with('\n')) return found(at + 2);
      if (next == "\r\n") return found(at + 3);
      ++at;
    }
    scanned_ = rest.size();
    return 0;
  }
  std::size_t found(std::size_t length) {
    scanned_ = 0;
    return length;
  }

  template <class Sink>
  static void show_block(std::string_view block, Sink& sink) {
    if constexpr (requires { sink.on_block(block); }) sink.on_block(block);
  }

  template <class Sink>
  void read_block(std::string_view block, const StampCodec& codec, std::size_t payload_bytes,
                  Sink& sink) {
    bool gap = false;
    bool data = false;
    for (std::string_view rest = block; !rest.empty();) {
      const std::size_t line_end = rest.find('\n');
      std::string_view line = rest.substr(0, line_end);
      const auto line_at = static_cast<std::size_t>(line.data() - block.data());
      rest.remove_prefix(line_end + 1);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (line == "event: gap" || line == "event:gap") gap = true;
      if (!line.starts_with("data:")) continue;
      data = true;
      const auto offset = codec.find(line);
      if (!offset) continue;
      Stamp stamp;
      codec.read(line.data() + *offset, stamp);
      sink.on_stamp(stamp);
      learn(block, line_at + *offset, payload_bytes);
      return;
    }
    if (gap) {
      sink.on_gap();
    } else if (data) {
      sink.on_foreign();
    }
  }

  // Only where the payload is the last thing in an event is its end certain from the stamp alone.
  void learn(std::string_view block, std::size_t stamp_at, std::size_t payload_bytes) {
    const bool plain = block.size() == stamp_at + payload_bytes + 2 && block.ends_with("\n\n");
    length_ = plain ? block.size() : 0;
    stamp_at_ = stamp_at;
  }

  std::string carry_;
  std::size_t scanned_ = 0;   // of the incomplete event in carry_
  std::size_t length_ = 0;    // of the event before, 0: expect nothing
  std::size_t stamp_at_ = 0;  // in it
};

}  // namespace ringcast::load
