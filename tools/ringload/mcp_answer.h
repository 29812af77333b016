// What the answer to a call of MCP says: a JSON-RPC response, alone or as the last event of a
// stream, judged by what was asked.
#pragma once

#include <simdjson.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace ringcast::load {

enum class McpOutcome : std::uint8_t {
  right,
  altered,      // the tool's text is not what was sent
  refused,      // another status than 200
  failed,       // a JSON-RPC error
  tool_failed,  // a result with isError
  foreign,      // another id than was asked
  malformed,    // no JSON-RPC response
  cut_off,      // the connection has ended before it
};
inline constexpr std::size_t kMcpOutcomes = 8;

class McpAnswer {
 public:
  // `body` of a response with this content type. What it says is judged afterwards.
  // False: it is no JSON-RPC message.
  bool read(std::string_view content_type, std::string_view body);
  bool read_message(std::string_view json);

  // The answer to a call with this id, in decimal, and this text.
  McpOutcome judge(std::string_view id, std::string_view text) const;
  // Of the result of initialize; empty: it has none.
  std::string_view protocol_version() const;
  // Whether it is a response, rather than a notification or a request.
  bool is_response() const;
  // The message, for people; empty if there is none.
  std::string_view text() const { return text_; }

 private:
  std::string data_;  // of the last event
  std::string json_;  // with simdjson's padding
  std::string_view text_;
  simdjson::dom::parser parser_;
  simdjson::dom::element message_;
};

// The data of the last event in `stream` that has any (WHATWG HTML §9.2.6).
void last_event_data(std::string_view stream, std::string& data);

}  // namespace ringcast::load
