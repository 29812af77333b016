// JSON-RPC messages: whatever the bytes, they are read as a message or refused; an id that is
// echoed is JSON by itself, so that the answer is; a batch falls into parts that are read alone.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/utf8.h"
#include "protocol/mcp/rpc_message.h"

namespace ringcast {
namespace {

// In a buffer of its own that ends right behind the padding, so that a read beyond is seen.
std::vector<char> padded(std::string_view text) {
  std::vector<char> bytes(text.begin(), text.end());
  bytes.resize(text.size() + 64);
  return bytes;
}

// What is answered can be read, and names the same id.
void check_answer(std::string_view id, const RpcError& error) {
  std::string json;
  append_rpc_error(json, id, error);
  RINGCAST_CHECK(json.find('\n') == std::string::npos);
  const auto bytes = padded(json);
  RpcParser again;
  RpcMessage read;
  const auto wrong = again.parse({bytes.data(), json.size()}, read);
  if (id.empty()) {
    RINGCAST_CHECK(wrong && wrong->code == rpc::kInvalidRequest);  // JSON, but its id is null
  } else {
    RINGCAST_CHECK(!wrong && read.id == id && read.failed);
  }
}

void check_message(std::string_view text) {
  static RpcParser parser;  // used again, as the server does
  const auto bytes = padded(text);
  const std::string_view whole(bytes.data(), text.size());
  RpcMessage message;
  const auto error = parser.parse(whole, message);
  const std::string id(message.id);
  RINGCAST_CHECK(id.size() <= RpcParser::kMostIdBytes && is_valid_utf8(id));
  if (error) {
    check_answer(id, *error);
  } else {
    RINGCAST_CHECK(message.kind == RpcMessage::Kind::response || !message.method.empty() ||
                   text.find("\"\"") != std::string_view::npos);
    RINGCAST_CHECK((message.kind == RpcMessage::Kind::notification) == id.empty());
    check_answer(id, {.code = rpc::kInternalError, .message = std::string(message.method)});
  }
  parser.trim();
  const auto parts = parser.split_batch(whole, 16);
  if (!parts) return;
  for (const std::string_view part : *parts) {
    RINGCAST_CHECK(part.data() >= whole.data() &&
                   part.data() + part.size() <= whole.data() + whole.size());
    RpcMessage one;
    RpcParser alone;
    std::ignore = alone.parse(part, one);
  }
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringcast::check_message({reinterpret_cast<const char*>(data), size});
  return 0;
}
