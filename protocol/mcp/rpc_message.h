// JSON-RPC 2.0 messages as MCP has them (https://www.jsonrpc.org/specification).
//
//   RpcParser parser;
//   RpcMessage message;
//   if (const auto error = parser.parse(text, message)) answer(*error, message.id);
//
// Parsed where it lies: `text` must be followed by 64 readable bytes. The members of the envelope
// are views into it, `id` among them as it is written, so that it is echoed byte for byte; the
// parameters are a tree of the parser's, good until its next parse, and stay when the text goes.
//
// Stricter than RFC 8259 where two readers could differ: no member of the envelope twice.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {

// Error codes of JSON-RPC, and those MCP adds.
namespace rpc {
inline constexpr int kParseError = -32700;
inline constexpr int kForbidden = -32003;  // what the client brings does not grant it
// The key or token that asked for it does not hold any more, or does not grant it.
inline constexpr int kAccessEnded = -32004;
inline constexpr int kRateLimited = -32005;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
inline constexpr int kServerError = -32000;  // no session, or an impossible version
inline constexpr int kSessionNotFound = -32001;
inline constexpr int kResourceNotFound = -32002;  // before 2026-07-28
inline constexpr int kHeaderMismatch = -32020;
inline constexpr int kMissingCapability = -32021;
inline constexpr int kUnsupportedVersion = -32022;
inline constexpr int kUrlElicitationRequired = -32042;
}  // namespace rpc

struct RpcError {
  int code = 0;
  std::string message;  // one sentence; never what only the server is to know
  std::string data{};   // JSON text; may be empty
  std::string scope{};  // of kForbidden: what would have to be granted (RFC 6750 §3)
};

struct RpcMessage {
  enum class Kind : std::uint8_t { request, notification, response };

  Kind kind = Kind::request;
  std::string_view id;      // as written; empty if there is none, or none that may be echoed
  std::string_view method;  // without escapes
  bool has_params = false;
  simdjson::dom::object params{};  // valid if has_params
  bool failed = false;             // of a response: it is an error
  std::string_view result{};       // of a response: the value of `result` or `error`, as written
};

class RpcParser {
 public:
  static constexpr std::size_t kMostDepth = 64;
  static constexpr std::size_t kMostIdBytes = 256;

  // Nothing if `out` is a message. `out.id` is set on errors too, if it could be read.
  std::optional<RpcError> parse(std::string_view text, RpcMessage& out);

  // Whether the text begins as an array does, which only a batch is.
  static bool is_batch(std::string_view text);
  // The elements of an array, as written: one to `most` of them.
  std::expected<std::vector<std::string_view>, RpcError> split_batch(std::string_view text,
                                                                     std::size_t most);

  // Gives back what a large message took.
  void trim();

 private:
  struct Members;
  std::optional<RpcError> read_members(std::string_view text, RpcMessage& out, Members& members);
  std::optional<RpcError> read_member(std::string_view key, simdjson::ondemand::value& value,
                                      RpcMessage& out, Members& members);
  std::optional<RpcError> read_response(const Members& members, RpcMessage& out);
  simdjson::error_code parse_tree(std::string_view text, simdjson::dom::element& out);

  simdjson::ondemand::parser envelope_;
  simdjson::dom::parser tree_;
  std::string method_;
  std::size_t tree_capacity_ = 0;
  std::size_t envelope_capacity_ = 0;
};

// --- writing ---

// `{"jsonrpc":"2.0","id":ID,"error":{…}}`; an empty id is null.
void append_rpc_error(std::string& out, std::string_view id, const RpcError& error);

}  // namespace ringcast
