#include "net/websocket_frame.h"

#include <bit>
#include <cstring>

#include "core/utf8.h"

namespace ringcast {
namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kRsv1 = 0x40;
constexpr unsigned kRsv2And3 = 0x30;
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

char* put_big_endian(char* out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = bytes; i > 0; --i) *out++ = static_cast<char>(value >> (8 * (i - 1)));
  return out;
}

bool is_opcode(unsigned bits) { return bits <= 2 || (bits >= 8 && bits <= 10); }

char* write_header(char* out, WsOpcode opcode, std::uint64_t length, bool fin, bool rsv1,
                   unsigned masked) {
  *out++ = static_cast<char>((fin ? kFin : 0) | (rsv1 ? kRsv1 : 0) | static_cast<unsigned>(opcode));
  if (length <= kMostControlBytes) {
    *out++ = static_cast<char>(masked | static_cast<unsigned>(length));
    return out;
  }
  if (length <= 0xffff) {
    *out++ = static_cast<char>(masked | kLength16);
    return put_big_endian(out, length, 2);
  }
  *out++ = static_cast<char>(masked | kLength64);
  return put_big_endian(out, length, 8);
}

}  // namespace

WsHeaderState parse_frame_header(std::string_view bytes, WsFrameHeader& header) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.empty()) return WsHeaderState::needs_more;
  const unsigned first = at(0);
  const unsigned opcode = first & 0x0fU;
  if ((first & kRsv2And3) != 0 || !is_opcode(opcode)) return WsHeaderState::failed;
  header.opcode = static_cast<WsOpcode>(opcode);
  header.fin = (first & kFin) != 0;
  header.rsv1 = (first & kRsv1) != 0;
  if (is_control(header.opcode) && !header.fin) return WsHeaderState::failed;
  if (bytes.size() < 2) return WsHeaderState::needs_more;

  const unsigned short_length = at(1) & 0x7fU;
  header.masked = (at(1) & kMasked) != 0;
  if (is_control(header.opcode) && short_length > kMostControlBytes) return WsHeaderState::failed;
  const std::size_t more = short_length == kLength16 ? 2 : short_length == kLength64 ? 8 : 0;
  if (more == 8 && bytes.size() > 2 && (at(2) & 0x80U) != 0) return WsHeaderState::failed;
  if (bytes.size() < 2 + more) return WsHeaderState::needs_more;
  header.length = more == 0 ? short_length : 0;
  for (std::size_t i = 0; i < more; ++i) header.length = header.length << 8 | at(2 + i);
  if (more == 2 && header.length < kLength16) return WsHeaderState::failed;
  if (more == 8 && header.length <= 0xffff) return WsHeaderState::failed;

  header.bytes = static_cast<std::uint8_t>(2 + more + (header.masked ? 4 : 0));
  if (bytes.size() < header.bytes) return WsHeaderState::needs_more;
  header.mask = {};
  if (header.masked) std::memcpy(header.mask.data(), bytes.data() + 2 + more, 4);
  return WsHeaderState::complete;
}

char* write_frame_header(char* out, WsOpcode opcode, std::uint64_t length, bool fin, bool rsv1) {
  return write_header(out, opcode, length, fin, rsv1, 0);
}

char* write_masked_header(char* out, WsOpcode opcode, std::uint64_t length, WsMask mask, bool fin,
                          bool rsv1) {
  out = write_header(out, opcode, length, fin, rsv1, kMasked);
  std::memcpy(out, mask.data(), mask.size());
  return out + mask.size();
}

void apply_mask(std::span<char> payload, WsMask mask, std::size_t offset) {
  std::uint32_t word = std::bit_cast<std::uint32_t>(mask);
  const int turn = static_cast<int>(offset % 4) * 8;
  word = std::endian::native == std::endian::little ? std::rotr(word, turn) : std::rotl(word, turn);
  const std::uint64_t twice = static_cast<std::uint64_t>(word) << 32 | word;
  char* at = payload.data();
  std::size_t left = payload.size();
  // A plain loop over words: the compiler makes vector instructions of it.
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, at, 8);
    bytes ^= twice;
    std::memcpy(at, &bytes, 8);
  }
  char rest[8];
  std::memcpy(rest, &twice, 8);
  for (std::size_t i = 0; i < left; ++i) at[i] = static_cast<char>(at[i] ^ rest[i]);
}

void append_close_payload(std::string& out, std::uint16_t code, std::string_view reason) {
  if (code == ws_close::kNoCode) return;
  char bytes[2];
  put_big_endian(bytes, code, 2);
  out.append(bytes, 2);
  out.append(cut_utf8(reason, kMostControlBytes - 2));
}

void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason) {
  const std::string_view cut = cut_utf8(reason, kMostControlBytes - 2);
  char head[kMostWsHeaderBytes];
  const std::size_t length = code == ws_close::kNoCode ? 0 : 2 + cut.size();
  out.append(head, write_frame_header(head, WsOpcode::close, length));
  append_close_payload(out, code, cut);
}

}  // namespace ringcast
