// The chunked transfer coding (RFC 9112 §7.1): decoding of request bodies, framing of responses.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/http_status.h"

namespace ringcast {

struct ChunkedLimits {
  std::size_t max_extension_bytes = 1024;  // of all chunks together; beyond: 400
  std::size_t max_trailer_bytes = 8192;    // of the whole section; beyond: 431
};

// Takes the body in pieces of any size and gives back the data in them, without copying it:
//
//   while (!in.empty() && decoder.state() == ChunkedDecoder::State::more) {
//     const ChunkedDecoder::Step step = decoder.decode(in);
//     use(step.data);                      // a view into `in`, maybe empty
//     in.remove_prefix(step.consumed);
//   }
//
// After done, what is left of `in` belongs to the next request. Strict: sizes are 1 to 16
// hexadecimal digits below 2^63 without blanks around them, lines end with CR LF, extensions have
// to follow the grammar (they are then ignored), trailer fields too (they are then dropped: nothing
// may be smuggled into the head that way). How the input is cut does not change the result. The
// size of the body itself is for the caller to limit.
class ChunkedDecoder {
 public:
  enum class State : std::uint8_t { more, done, failed };
  struct Step {
    std::size_t consumed = 0;
    std::string_view data;
    State state = State::more;
  };

  explicit ChunkedDecoder(const ChunkedLimits& limits = {}) : limits_(limits) {}

  // Consumes up to the end of the first run of data, or all of `in` if there is none. On failed,
  // `consumed` stops at the offending byte. After done or failed it consumes nothing.
  Step decode(std::string_view in);

  State state() const {
    return phase_ == Phase::done     ? State::done
           : phase_ == Phase::failed ? State::failed
                                     : State::more;
  }
  const HttpError& error() const { return error_; }  // after failed

 private:
  enum class Phase : std::uint8_t {
    size_first,
    size,
    size_lf,
    extension_name_first,
    extension_name,
    extension_value_first,
    extension_token,
    extension_quoted,
    extension_escape,
    extension_quoted_end,
    data,
    data_cr,
    data_lf,
    trailer_first,
    trailer_name,
    trailer_value,
    trailer_lf,
    end_lf,
    done,
    failed,
  };

  bool step(char c);
  bool step_size(char c);
  bool step_extension(char c);
  bool step_trailer(char c);
  bool after_size(char c);
  bool expect(char c, char wanted, Phase next);
  bool advance(bool allowed, Phase next);
  bool fail(const HttpError& error);

  ChunkedLimits limits_;
  std::uint64_t remaining_ = 0;  // bytes of the chunk at hand
  std::size_t digits_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  Phase phase_ = Phase::size_first;
  HttpError error_;
};

// The line before the data of a chunk: `SIZE CRLF`. A chunk is this, the data, and kChunkEnd; the
// body ends with kLastChunk. A chunk of no bytes would end the body, so `bytes` must not be 0.
class ChunkHeader {
 public:
  explicit ChunkHeader(std::size_t bytes);
  std::string_view text() const { return {text_.data() + begin_, text_.size() - begin_}; }

 private:
  std::array<char, 18> text_;
  std::size_t begin_;
};

inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace ringcast
