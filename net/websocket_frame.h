// The framing of WebSocket (RFC 6455 §5.2): headers, masking, close codes. Nothing here has state.
//
//   WsFrameHeader header;
//   switch (parse_frame_header(bytes, header)) {…}   // header.bytes, then header.length of payload
//
//   char head[kMostWsHeaderBytes];
//   char* end = write_frame_header(head, WsOpcode::text, text.size());
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ringcast {

enum class WsOpcode : std::uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

constexpr bool is_control(WsOpcode opcode) { return (static_cast<unsigned>(opcode) & 8U) != 0; }

// Codes of a close frame (RFC 6455 §7.4.1).
namespace ws_close {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupported = 1003;
inline constexpr std::uint16_t kNoCode = 1005;    // never on the wire: the frame had none
inline constexpr std::uint16_t kAbnormal = 1006;  // never on the wire: there was no close frame
inline constexpr std::uint16_t kInvalidData = 1007;
inline constexpr std::uint16_t kPolicy = 1008;
inline constexpr std::uint16_t kTooBig = 1009;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kTryAgainLater = 1013;
}  // namespace ws_close

inline constexpr std::size_t kMostWsHeaderBytes = 14;
inline constexpr std::size_t kMostControlBytes = 125;

using WsMask = std::array<unsigned char, 4>;

struct WsFrameHeader {
  WsOpcode opcode = WsOpcode::continuation;
  bool fin = false;
  bool rsv1 = false;
  bool masked = false;
  std::uint64_t length = 0;  // of the payload, bytes
  WsMask mask{};             // zeros if not masked
  std::uint8_t bytes = 0;    // of the header itself
};

enum class WsHeaderState : std::uint8_t { complete, needs_more, failed };

// Reads the header at the front of `bytes`. Refuses, as soon as the bytes that show it are there:
// reserved opcodes, RSV2 and RSV3, control frames that are fragmented or longer than 125 bytes,
// lengths with the top bit set or not minimal. Says nothing about masking and RSV1: what is right
// there depends on the connection. `header` is to be used only when complete.
WsHeaderState parse_frame_header(std::string_view bytes, WsFrameHeader& header);

// Write a header to the front of `out`, which has kMostWsHeaderBytes of room; return its end.
char* write_frame_header(char* out, WsOpcode opcode, std::uint64_t length, bool fin = true,
                         bool rsv1 = false);
char* write_masked_header(char* out, WsOpcode opcode, std::uint64_t length, WsMask mask,
                          bool fin = true, bool rsv1 = false);

// Bytes of an unmasked header: 2, 4 or 10; a masked one has 4 more.
constexpr std::size_t frame_header_bytes(std::uint64_t length) {
  if (length <= 125) return 2;
  return length <= 0xffff ? 4 : 10;
}

// Masks or unmasks in place (RFC 6455 §5.3). `offset`: how far into the frame's payload the span
// begins.
void apply_mask(std::span<char> payload, WsMask mask, std::size_t offset = 0);

// Appends a close frame, unmasked: the code, and the reason cut to 123 bytes between characters.
// Without payload if the code is kNoCode.
void append_close_frame(std::string& out, std::uint16_t code, std::string_view reason);
// The payload of such a frame, for those who write the header themselves.
void append_close_payload(std::string& out, std::uint16_t code, std::string_view reason);

// True if the code may stand in a close frame (RFC 6455 §7.4, and IANA's registry up to 1014).
constexpr bool is_close_code(std::uint16_t code) {
  if (code >= 3000) return code <= 4999;
  if (code < 1000 || code > 1014) return false;
  return code < 1004 || code > 1006;
}

}  // namespace ringcast
