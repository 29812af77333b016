#include "net/websocket_inflater.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <span>

#include "core/check.h"

namespace ringcast {
namespace {

using namespace std::string_view_literals;

// What a sender takes off the end of a message (RFC 7692 §7.2.1).
constexpr std::string_view kTail = "\x00\x00\xff\xff"sv;
constexpr std::size_t kSmallestRoom = 1024;
// zlib's data_type when it stands between two blocks and has read all.
constexpr int kBetweenBlocks = 128;

}  // namespace

struct Inflater::Stream {
  z_stream z{};
  bool open = false;
  ~Stream() {
    if (open) inflateEnd(&z);
  }
};

Inflater::Inflater(bool keep_context, std::uint64_t slice_bytes)
    : slice_bytes_(slice_bytes), keep_context_(keep_context) {}
Inflater::~Inflater() = default;

void Inflater::begin() {
  any_ = ended_ = false;
  if (stream_) inflateReset(&stream_->z);
}

Inflater::Outcome Inflater::run(std::string_view& piece, Buffer& out, Bounds bounds, int flush) {
  z_stream& z = stream_->z;
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
  z.avail_in = static_cast<uInt>(piece.size());
  for (std::uint64_t slice_left = bounds.slice_bytes;;) {
    // One byte more than allowed shows that there is more.
    const std::uint64_t allowed = std::min(bounds.most_bytes + 1 - out.size(), slice_left);
    const std::size_t wanted = std::max<std::size_t>(kSmallestRoom, std::size_t{z.avail_in} * 2);
    if (!out.may_append(std::min<std::uint64_t>(wanted, allowed))) return Outcome::too_busy;
    const std::span<char> room = out.room(std::min<std::uint64_t>(wanted, allowed));
    const auto most = static_cast<uInt>(
        std::min<std::uint64_t>({room.size(), allowed, std::numeric_limits<uInt>::max()}));
    z.next_out = reinterpret_cast<Bytef*>(room.data());
    z.avail_out = most;
    const uInt left_before = z.avail_in;
    const int result = ::inflate(&z, flush);
    piece.remove_prefix(left_before - z.avail_in);
    out.grown(most - z.avail_out);
    slice_left -= most - z.avail_out;
    if (out.size() > bounds.most_bytes) return Outcome::too_big;
    if (result == Z_MEM_ERROR) return Outcome::no_memory;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Outcome::corrupt;
    if (z.avail_in < left_before) ended_ = false;
    if (result == Z_STREAM_END) {
      // A sender may end its stream and begin another in the same message (§7.2.3.5).
      ended_ = true;
      inflateResetKeep(&z);
      if (z.avail_in == 0) return Outcome::ok;
    } else if (z.avail_out > 0 && (z.avail_in == 0 || result == Z_BUF_ERROR)) {
      return Outcome::ok;
    }
    if (slice_left == 0) return Outcome::more;
  }
}

bool Inflater::open() {
  if (!stream_) stream_ = std::make_unique<Stream>();
  if (!stream_->open) stream_->open = inflateInit2(&stream_->z, -15) == Z_OK;
  return stream_->open;
}

Inflater::Outcome Inflater::inflate(std::string_view piece, Buffer& out, std::uint64_t most_bytes) {
  if (piece.empty()) return Outcome::ok;
  RINGCAST_CHECK(piece.size() <= std::numeric_limits<uInt>::max());
  if (!open()) return Outcome::no_memory;
  any_ = true;
  return run(piece, out, {most_bytes}, Z_SYNC_FLUSH);
}

Inflater::Outcome Inflater::inflate_some(std::string_view& piece, Buffer& out,
                                         std::uint64_t most_bytes) {
  if (piece.empty() && !any_) return Outcome::ok;
  RINGCAST_CHECK(piece.size() <= std::numeric_limits<uInt>::max());
  if (!open()) return Outcome::no_memory;
  any_ = true;
  return run(piece, out, {most_bytes, slice_bytes_}, Z_SYNC_FLUSH);
}

Inflater::Outcome Inflater::finish(Buffer& out, std::uint64_t most_bytes) {
  // Nothing at all stands for an empty message: some senders take the tail off twice.
  if (any_ && !ended_) {
    std::string_view tail = kTail;
    const Outcome outcome = run(tail, out, {most_bytes}, Z_BLOCK);
    if (outcome != Outcome::ok) return outcome;
    if ((stream_->z.data_type & kBetweenBlocks) == 0) return Outcome::corrupt;
  }
  any_ = ended_ = false;
  if (!keep_context_ && stream_) inflateReset(&stream_->z);
  return Outcome::ok;
}

}  // namespace ringcast
