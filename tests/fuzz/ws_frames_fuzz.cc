// WebSocket frames: what a reader makes of them does not depend on how they were cut, and what it
// gives is what it claims to be. Both roles, with and without compression.
//
// The input's first byte says which; the second where it is cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "net/websocket_reader.h"

namespace ringcast {
namespace {

constexpr WsLimits kLimits{.max_message_bytes = 4096, .max_frame_bytes = 2048};

struct Setup {
  WsRole role;
  bool deflate;
  bool keep_context;
  bool straight;  // receives into place where the reader offers it
  bool slices;    // inflates a little at a time
};

struct Seen {
  WsOpcode opcode;
  std::string payload;
  std::uint16_t close_code;
  bool operator==(const Seen&) const = default;
};

struct Result {
  std::vector<Seen> messages;
  bool failed = false;
  std::uint16_t close_code = 0;
  std::string_view reason;
  bool operator==(const Result&) const = default;
};

bool is_text(std::string_view text) {
  Utf8Validator validator;
  return validator.feed(text) && validator.at_boundary();
}

void check(const WsMessage& message) {
  RINGCAST_CHECK(message.opcode != WsOpcode::continuation);
  RINGCAST_CHECK(message.payload.size() <= kLimits.max_message_bytes);
  if (is_control(message.opcode)) RINGCAST_CHECK(message.payload.size() <= kMostControlBytes);
  if (message.opcode == WsOpcode::text) RINGCAST_CHECK(is_text(message.payload));
  if (message.opcode != WsOpcode::close) return;
  RINGCAST_CHECK(is_text(message.payload));
  RINGCAST_CHECK(message.close_code == ws_close::kNoCode || is_close_code(message.close_code));
}

class Run {
 public:
  explicit Run(const Setup& setup)
      : setup_(setup),
        inflater_(setup.keep_context, setup.slices ? 100 : Inflater::kAny),
        reader_(setup.role, kLimits, setup.deflate ? &inflater_ : nullptr) {}

  void feed(std::string_view piece) {
    if (setup_.straight) {
      const std::span<char> room = reader_.room();
      const std::size_t n = std::min(room.size(), piece.size());
      if (n > 0) {
        piece.copy(room.data(), n);
        reader_.filled(n);
        take();
        piece.remove_prefix(n);
      }
    }
    // Memory of exactly this size, so that reading beyond it shows.
    std::vector<char> bytes(piece.begin(), piece.end());
    reader_.feed(bytes);
    take();
  }

  const Result& result() {
    result_.failed = reader_.failed();
    if (reader_.failed()) {
      result_.close_code = reader_.close_code();
      result_.reason = reader_.close_reason();
      RINGCAST_CHECK(is_close_code(result_.close_code) && !result_.reason.empty());
    }
    return result_;
  }

 private:
  void take() {
    for (WsMessage message; reader_.next(message) || reader_.inflating();) {
      if (reader_.inflating()) continue;
      check(message);
      RINGCAST_CHECK(result_.messages.empty() || result_.messages.back().opcode != WsOpcode::close);
      result_.messages.push_back(
          {message.opcode, std::string(message.payload), message.close_code});
    }
    RINGCAST_CHECK(!(reader_.failed() && reader_.closed()));
  }

  Setup setup_;
  Inflater inflater_;
  WebSocketReader reader_;
  Result result_;
};

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const unsigned choice = data[0];
  Setup setup{.role = (choice & 1U) != 0 ? WsRole::client : WsRole::server,
              .deflate = (choice & 2U) != 0,
              .keep_context = (choice & 4U) != 0,
              .straight = false,
              .slices = false};
  Run whole(setup);
  whole.feed(bytes);

  setup.straight = (choice & 8U) != 0;
  setup.slices = (choice & 16U) != 0;
  const std::size_t split = data[1] % (bytes.size() + 1);
  Run cut(setup);
  cut.feed(bytes.substr(0, split));
  cut.feed(bytes.substr(split));
  RINGCAST_CHECK(whole.result() == cut.result());

  Run slow(setup);
  for (const char& byte : bytes) slow.feed({&byte, 1});
  RINGCAST_CHECK(whole.result() == slow.result());
  return 0;
}
