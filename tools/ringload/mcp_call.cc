#include "tools/ringload/mcp_call.h"

#include <fmt/format.h>

#include "tools/ringload/filling.h"
#include "tools/ringload/mcp_requests.h"

namespace ringcast::load {
namespace {

constexpr std::uint64_t kIds = 9 * McpCall::kFirstId;  // with ten digits

}  // namespace

CallMessage call_message(const Options& options) {
  CallMessage message;
  std::string& text = message.text;
  text = R"({"jsonrpc":"2.0","id":)";
  message.id_at = text.size();
  text += fmt::format(R"({},"method":"tools/call","params":{{"name":"{}","arguments":{{"{}":")",
                      McpCall::kFirstId, options.mcp.tool, options.mcp.argument);
  message.argument_at = text.size();
  text.append(kStampBytes, '0');
  text += filling(options.size - kStampBytes);
  text += "\"}";
  if (options.mcp.era == McpEra::modern) {
    text += fmt::format(R"(,"_meta":{{"io.modelcontextprotocol/protocolVersion":"{}",)"
                        R"("io.modelcontextprotocol/clientCapabilities":{{}}}})",
                        kModernVersion);
  }
  text += "}}";
  return message;
}

McpCall::McpCall(const CallMessage& message, std::string_view head, std::size_t argument_bytes)
    : bytes_(head),
      id_at_(head.size() + message.id_at),
      argument_at_(head.size() + message.argument_at),
      argument_bytes_(argument_bytes) {
  bytes_ += message.text;
}

std::string_view McpCall::with(std::uint64_t number, const StampCodec& codec, const Stamp& stamp) {
  std::uint64_t id = kFirstId + number % kIds;
  for (std::size_t at = id_at_ + kIdBytes; at != id_at_; id /= 10) {
    bytes_[--at] = static_cast<char>('0' + id % 10);
  }
  codec.write(bytes_.data() + argument_at_, stamp);
  return bytes_;
}

}  // namespace ringcast::load
