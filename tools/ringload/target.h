// What is put under load: where it listens, and how one subscribes and publishes there.
//
// The texts of a target may contain {topic}, {payload}, {event}, {session} and {last_id}, which are
// substituted per request; a name in braces that is none of these stays as it is (JSON bodies have
// braces of their own).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace ringcast::load {

struct TemplateValues {
  std::string_view topic = {};
  std::string_view payload = {};
  std::string_view event = {};
  std::string_view session = {};
  std::string_view last_id = {};  // of an event, where a stream goes on behind it
};

// Stands for what tells a command and its answer from others.
inline constexpr std::string_view kRef = "{ref}";
inline constexpr std::string_view kPayload = "{payload}";

// Appends `text` to `out` with its placeholders substituted.
void substitute(std::string_view text, const TemplateValues& values, std::string& out);

using Headers = std::vector<std::pair<std::string, std::string>>;

// Commands that are answered by a worker behind the server. A caller puts a stamp in the place of
// {ref}, and expects it in the answer; the server may give the worker a reference of its own.
struct WsControl {
  std::string caller_path = "/ws/agent/{session}";
  std::string command = R"({"action":"pause","ref":"{ref}"})";
  std::string worker_path = "/ws?topic=control.{session}";
  std::string worker_send = {};             // after the handshake; empty: nothing
  std::string command_mark = "action";      // in a command that reaches the worker
  std::string command_ref = R"(ref\":\")";  // before its reference, which ends at \ or "
  std::string answer = R"({"type":"publish","topic":"control.{session}","event":"reply",)"
                       R"("data":"{\"ref\":\"{ref}\",\"status\":\"paused\"}"})";
  std::string answer_mark = "status";  // in the answer that reaches the caller
};

// How a stream goes on behind the last event of the one before.
struct WsResume {
  std::string path = "/ws?topic={topic}&last_event_id={last_id}";  // empty: it cannot
  std::string send = {};                                           // instead of WsTarget::send
  std::string id = R"("id":")";  // before the id in a message, which ends at "
};

struct WsTarget {
  std::string path = "/ws?topic={topic}";
  Headers headers = {};
  std::string send = {};   // a message after the handshake; empty: the path says it all
  std::string ready = {};  // in the message that says that the subscription stands; empty: no such
  std::string gap = R"("event":"gap")";  // in a message that tells of missed events
  WsResume resume = {};
  std::string publish_path = {};     // empty: as `path`
  std::string publish_message = {};  // empty: events are published over HTTP
  std::string publish_answer = {};   // in the answer to each; empty: there is none
  std::string echo_path = "/";
  WsControl control = {};
};

// Events as lines: a response without end in which each line is one, and a request whose body is
// without end.
struct ChunkedTarget {
  std::string subscribe_path = "/events?topic={topic}&format=ndjson";
  Headers subscribe_headers = {{"Accept", "application/x-ndjson"}};
  std::string gap = R"("event":"gap")";  // in a line that tells of missed events
  std::string publish_method = "POST";
  std::string publish_path = "/api/events/{topic}?stream=lines";
  Headers publish_headers = {{"Content-Type", "text/plain"}};
  std::string publish_line = "{payload}";
  // The member of the answer's JSON that says how many lines there were; empty: nothing does.
  std::string publish_count = "count";
};

// How MCP is spoken: without sessions (revision 2026-07-28), or with them (before).
enum class McpEra : std::uint8_t { modern, legacy };

struct McpTarget {
  std::string path = "/mcp";      // of Streamable HTTP and WebSocket
  std::string sse_path = "/sse";  // of HTTP with SSE
  McpEra era = McpEra::modern;
  std::string tool = "echo";
  std::string argument = "text";  // of the tool, a text that it gives back
};

struct Target {
  std::string name = "ringcast";
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;
  std::string subscribe_path = "/events?topic={topic}";
  Headers subscribe_headers = {{"Accept", "text/event-stream"}};
  std::string publish_method = "POST";
  std::string publish_path = "/api/events/{topic}";
  Headers publish_headers = {{"Content-Type", "text/plain"}};
  std::string publish_body = "{payload}";
  WsTarget ws = {};
  ChunkedTarget chunked = {};
  McpTarget mcp = {};
  std::vector<std::string> parts = {};  // of the file that describes it, such as `chunked`

  std::string host_header() const;
  bool has_part(std::string_view part) const;
};

// Whether a name of a tool or of its argument needs no escape in JSON or in a header.
bool is_plain_name(std::string_view name);
inline constexpr std::string_view kPlainName = "1 to 128 letters, digits and `_-./`";

// Errors: bad_url, bad_target (naming the file and what is wrong in it).
Result<Target> target_from_url(std::string_view url);
Result<Target> target_from_yaml(std::string_view text, std::string_view file_name);
Result<Target> target_from_file(const std::string& path);

// Append a whole request. Placeholders in paths are substituted as they are: topics that need
// percent-encoding are up to the caller.
// With `last_id` a subscription has the header Last-Event-ID.
void render_subscribe(const Target& target, const TemplateValues& values, std::string& out);
void render_publish(const Target& target, const TemplateValues& values, std::string& out);
// The same for lines: a whole request, and the head of one whose body has no end.
void render_line_subscribe(const Target& target, const TemplateValues& values, std::string& out);
void render_line_publish(const Target& target, const TemplateValues& values, std::string& out);

// The opening handshake of a WebSocket (RFC 6455 §4.1). The key is the same for all, and so is what
// the server must make of it.
void render_handshake(const Target& target, std::string_view path, const TemplateValues& values,
                      std::string& out);
inline constexpr std::string_view kWebSocketKey = "dGhlIHNhbXBsZSBub25jZQ==";
inline constexpr std::string_view kWebSocketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

}  // namespace ringcast::load
