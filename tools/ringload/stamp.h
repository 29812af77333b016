// The stamp at the front of every payload that ringload publishes:
//
//   pppp.ssssssss.tttttttttttt.rrrr.      lower-case hexadecimal, 32 bytes
//
// p: publisher; s: number of the event among those of this publisher on this topic, from 0; t: the
// intended send time in ns since the start of the run; r: the run, so that what a server still
// keeps of an earlier run is told apart. Fixed widths let a reader decode it without a loop.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace ringcast::load {

static_assert(std::endian::native == std::endian::little);

struct Stamp {
  std::uint32_t publisher = 0;  // 16 bits
  std::uint32_t sequence = 0;
  std::int64_t intended_ns = 0;  // 48 bits
};

inline constexpr std::size_t kStampBytes = 32;

class StampCodec {
 public:
  explicit StampCodec(std::uint16_t run) {
    char end[8] = {0, 0, '.', 0, 0, 0, 0, '.'};
    write_hex4(end + 3, run);
    std::memcpy(&end_, end, sizeof end_);
  }

  // Writes kStampBytes.
  void write(char* out, const Stamp& stamp) const {
    std::memcpy(out + 24, &end_, sizeof end_);
    write_hex4(out, stamp.publisher);
    out[4] = '.';
    write_hex8(out + 5, stamp.sequence);
    out[13] = '.';
    write_hex8(out + 14, static_cast<std::uint32_t>(stamp.intended_ns >> 16));
    write_hex4(out + 22, static_cast<std::uint32_t>(stamp.intended_ns));
  }

  // Reads kStampBytes; false if this is no stamp of this run.
  bool read(const char* at, Stamp& stamp) const {
    if ((word(at + 24) & kEndMask) != end_ || at[4] != '.' || at[13] != '.') return false;
    stamp.publisher = hex8(word(at) << 32);
    stamp.sequence = hex8(word(at + 5));
    stamp.intended_ns = static_cast<std::int64_t>(std::uint64_t{hex8(word(at + 14))} << 16 |
                                                  (hex8(word(at + 18)) & 0xffff));
    return true;
  }

  // The offset of the first stamp of this run in `text`.
  std::optional<std::size_t> find(std::string_view text) const {
    char end[8];
    std::memcpy(end, &end_, sizeof end);
    const std::string_view mark(end + 2, 6);
    for (std::size_t at = text.find(mark, 26); at != std::string_view::npos;
         at = text.find(mark, at + 1)) {
      Stamp ignored;
      if (read(text.data() + at - 26, ignored)) return at - 26;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint64_t kEndMask = ~std::uint64_t{0xffff};

  static std::uint64_t word(const char* at) {
    std::uint64_t value = 0;
    std::memcpy(&value, at, sizeof value);
    return value;
  }

  // Eight digits, the first of them in the lowest byte. A zero byte counts as digit 0.
  static std::uint32_t hex8(std::uint64_t digits) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    std::uint64_t value = (digits & (kOnes * 0x0f)) + ((digits >> 6) & kOnes) * 9;
    value = std::byteswap(value);
    value = (value | (value >> 4)) & 0x00ff00ff00ff00ff;
    value = (value | (value >> 8)) & 0x0000ffff0000ffff;
    return static_cast<std::uint32_t>(value | (value >> 16));
  }

  // The eight digits of a value, the first of them in the lowest byte.
  static std::uint64_t digits(std::uint32_t value) {
    constexpr std::uint64_t kOnes = 0x0101010101010101;
    std::uint64_t spread = std::byteswap(value);
    spread = (spread & 0xffff) | (spread & 0xffff0000) << 16;
    spread = (spread & 0x000000ff000000ff) | (spread & 0x0000ff000000ff00) << 8;
    spread = (spread >> 4 & 0x000f000f000f000f) | (spread & 0x000f000f000f000f) << 8;
    const std::uint64_t letters = (spread + 6 * kOnes) >> 4 & kOnes;
    return spread + '0' * kOnes + letters * ('a' - '0' - 10);
  }
  static void write_hex8(char* out, std::uint32_t value) {
    const std::uint64_t text = digits(value);
    std::memcpy(out, &text, 8);
  }
  // Of the lower 16 bits.
  static void write_hex4(char* out, std::uint32_t value) {
    const std::uint64_t text = digits(value) >> 32;
    std::memcpy(out, &text, 4);
  }

  std::uint64_t end_ = 0;  // the last 8 bytes, less the two digits of the time
};

// Finds the stamps of texts that mostly look alike: expects one where the text before had it.
class StampFinder {
 public:
  // False if there is none of this run.
  bool find(const StampCodec& codec, std::string_view text, Stamp& stamp) {
    if (text.size() >= at_ + kStampBytes && codec.read(text.data() + at_, stamp)) [[likely]] {
      return true;
    }
    const auto at = codec.find(text);
    if (!at) return false;
    at_ = *at;
    return codec.read(text.data() + at_, stamp);
  }

 private:
  std::size_t at_ = 0;
};

}  // namespace ringcast::load
