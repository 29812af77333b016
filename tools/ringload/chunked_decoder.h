// Strips the framing of a chunked body (RFC 9112 §7.1) as it comes in, for any split of the bytes.
// Chunk extensions and trailers are passed over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringcast::load {

class ChunkedDecoder {
 public:
  enum class State : std::uint8_t { needs_more, complete, failed };

  // Calls on_data(std::string_view) for each piece of content in `bytes`. After complete or failed,
  // `bytes` from consumed() on were not looked at.
  template <class OnData>
  State feed(std::string_view bytes, OnData&& on_data) {
    const char* at = bytes.data();
    const char* const end = at + bytes.size();
    while (at != end && phase_ != Phase::complete && phase_ != Phase::failed) {
      if (phase_ == Phase::data) {
        const auto here = std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - at));
        on_data(std::string_view(at, static_cast<std::size_t>(here)));
        at += here;
        left_ -= here;
        if (left_ == 0) phase_ = Phase::data_end;
      } else {
        step(*at++);
      }
    }
    consumed_ = static_cast<std::size_t>(at - bytes.data());
    if (phase_ == Phase::failed) return State::failed;
    return phase_ == Phase::complete ? State::complete : State::needs_more;
  }

  // Of the last feed().
  std::size_t consumed() const { return consumed_; }
  void reset() { *this = {}; }

 private:
  enum class Phase : std::uint8_t {
    size,
    extension,
    data,
    data_end,       // CR LF behind the content
    trailer_start,  // first byte of a line behind the last chunk
    trailer,
    complete,
    failed,
  };

  void step(char c) {
    switch (phase_) {
      case Phase::size:
        step_size(c);
        break;
      case Phase::extension:
        if (c == '\n') start_chunk();
        break;
      case Phase::data_end:
        if (c == '\n') {
          phase_ = Phase::size;
          digits_ = 0;
        } else if (c != '\r') {
          phase_ = Phase::failed;
        }
        break;
      case Phase::trailer_start:
        if (c == '\n') {
          phase_ = Phase::complete;
        } else if (c != '\r') {
          phase_ = Phase::trailer;
        }
        break;
      case Phase::trailer:
        if (c == '\n') phase_ = Phase::trailer_start;
        break;
      case Phase::data:
      case Phase::complete:
      case Phase::failed:
        break;
    }
  }

  void step_size(char c) {
    const int digit = value_of(c);
    if (digit >= 0) {
      left_ = left_ << 4 | static_cast<std::uint64_t>(digit);
      if (++digits_ > 15) phase_ = Phase::failed;
    } else if (digits_ == 0) {
      phase_ = Phase::failed;
    } else if (c == '\n') {
      start_chunk();
    } else {
      phase_ = Phase::extension;  // or the CR of the line's end
    }
  }

  void start_chunk() { phase_ = left_ == 0 ? Phase::trailer_start : Phase::data; }

  static int value_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  }

  Phase phase_ = Phase::size;
  int digits_ = 0;
  std::uint64_t left_ = 0;  // of the chunk at hand; while its size is read: so far
  std::size_t consumed_ = 0;
};

}  // namespace ringcast::load
