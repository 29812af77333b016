#include "tools/ringload/target.h"

#include <gtest/gtest.h>

#include "tools/ringload/response_reader.h"

namespace ringcast::load {
namespace {

std::string substituted(std::string_view text) {
  std::string out;
  substitute(text, {.topic = "t", .payload = "PAY", .event = "e"}, out);
  return out;
}

TEST(RingloadTarget, SubstitutesWhatItKnows) {
  EXPECT_EQ(substituted("/a/{topic}/{event}?{topic}"), "/a/t/e?t");
  EXPECT_EQ(substituted("{payload}"), "PAY");
  EXPECT_EQ(substituted(R"({"data":"{payload}","x":{}})"), R"({"data":"PAY","x":{}})");
  EXPECT_EQ(substituted("{{topic}} {top {unknown} {"), "{t} {top {unknown} {");
  EXPECT_EQ(substituted(""), "");
}

TEST(RingloadTarget, ReadsUrls) {
  const auto target = target_from_url("http://127.0.0.1:8080");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->host_header(), "127.0.0.1:8080");
  EXPECT_EQ(target_from_url("http://localhost/")->port, 80);
  EXPECT_EQ(target_from_url("http://[::1]:99/x")->host, "::1");
  EXPECT_EQ(target_from_url("http://[::1]:99/x")->host_header(), "[::1]:99");
  for (const char* url : {"", "localhost", "https://x", "http://", "http://x:0", "http://x:99999",
                          "http://x:", "http://:80"}) {
    const auto bad = target_from_url(url);
    ASSERT_FALSE(bad) << url;
    EXPECT_EQ(bad.error().code, "bad_url");
  }
}

constexpr const char* kYaml = R"(
name: other
host: 127.0.0.2
port: 9000
subscribe:
  path: "/sub/{topic}"
  headers: {Accept: text/event-stream, X-Topic: "{topic}"}
publish: {method: PUT, path: "/pub/{topic}", headers: {}, body: '{"d":"{payload}"}'}
)";

TEST(RingloadTarget, ReadsAFileAndRendersRequests) {
  const auto target = target_from_yaml(kYaml, "other.yaml");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->name, "other");
  std::string request;
  render_subscribe(*target, {.topic = "a.1"}, request);
  EXPECT_EQ(request,
            "GET /sub/a.1 HTTP/1.1\r\nHost: 127.0.0.2:9000\r\nAccept: text/event-stream\r\n"
            "X-Topic: a.1\r\n\r\n");
  request.clear();
  render_publish(*target, {.topic = "a.1", .payload = "xyz"}, request);
  EXPECT_EQ(request,
            "PUT /pub/a.1 HTTP/1.1\r\nHost: 127.0.0.2:9000\r\nContent-Length: 00000011\r\n\r\n"
            "{\"d\":\"xyz\"}");
}

constexpr const char* kWsYaml = R"(
name: other
port: 9000
ws:
  path: "/sock"
  headers: {X-Topic: "{topic}"}
  send: '{"subscribe":"{topic}"}'
  ready: subscribed
  gap: missed
  echo_path: "/echo"
  publish: {path: "/in", message: '{"to":"{topic}","data":"{payload}"}', answer: "ok"}
  control:
    caller_path: "/call/{session}"
    command: 'do {ref}'
    worker_path: "/work/{session}"
    worker_send: 'take {session}'
    command_mark: do
    command_ref: 'ref='
    answer: 'done {ref} {session}'
    answer_mark: done
)";

TEST(RingloadTarget, ReadsWhatIsSaidOverWebSocket) {
  const auto target = target_from_yaml(kWsYaml, "ws.yaml");
  ASSERT_TRUE(target) << target.error().message;
  const WsTarget& ws = target->ws;
  EXPECT_EQ(ws.send, R"({"subscribe":"{topic}"})");
  EXPECT_EQ(ws.ready, "subscribed");
  EXPECT_EQ(ws.gap, "missed");
  EXPECT_EQ(ws.echo_path, "/echo");
  EXPECT_EQ(ws.publish_path, "/in");
  EXPECT_EQ(ws.publish_message, R"({"to":"{topic}","data":"{payload}"})");
  EXPECT_EQ(ws.publish_answer, "ok");
  EXPECT_EQ(ws.control.caller_path, "/call/{session}");
  EXPECT_EQ(ws.control.command, "do {ref}");
  EXPECT_EQ(ws.control.worker_path, "/work/{session}");
  EXPECT_EQ(ws.control.worker_send, "take {session}");
  EXPECT_EQ(ws.control.command_mark, "do");
  EXPECT_EQ(ws.control.command_ref, "ref=");
  EXPECT_EQ(ws.control.answer, "done {ref} {session}");
  EXPECT_EQ(ws.control.answer_mark, "done");
  std::string request;
  render_handshake(*target, "/sock/{session}?t={topic}", {.topic = "a", .session = "s"}, request);
  EXPECT_EQ(request,
            "GET /sock/s?t=a HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nX-Topic: a\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
}

constexpr const char* kChunkedYaml = R"(
port: 9000
chunked:
  subscribe: {path: "/lines/{topic}", headers: {X-Topic: "{topic}"}, gap: missed}
  publish:
    method: PUT
    path: "/in/{topic}"
    headers: {X-Event: "{event}"}
    line: '{"d":"{payload}","t":"{topic}"}'
    count: taken
mcp: {path: /m, sse_path: /s, era: legacy, tool: say, argument: words}
)";

TEST(RingloadTarget, ResumesBehindTheLastId) {
  std::string request;
  render_subscribe(Target(), {.topic = "a", .last_id = "n-7"}, request);
  EXPECT_TRUE(request.ends_with("\r\nLast-Event-ID: n-7\r\n\r\n")) << request;
  const WsResume resume = Target().ws.resume;
  std::string path;
  substitute(resume.path, {.topic = "a", .last_id = "n-7"}, path);
  EXPECT_EQ(path, "/ws?topic=a&last_event_id=n-7");
  // Another path cannot be assumed to take ids as ringcast's does.
  const auto read = [](std::string_view ws) { return *target_from_yaml(ws, "f.yaml"); };
  EXPECT_EQ(read("ws: {gap: x}").ws.resume.path, resume.path);
  EXPECT_EQ(read("ws: {path: /sub}").ws.resume.path, "");
  const Target other =
      read("ws: {path: /sub, resume: {path: '/sub?after={last_id}', send: hello, id: 'seq='}}");
  EXPECT_EQ(other.ws.resume.path, "/sub?after={last_id}");
  EXPECT_EQ(other.ws.resume.send, "hello");
  EXPECT_EQ(other.ws.resume.id, "seq=");
  EXPECT_EQ(target_from_yaml("ws:\n  resume: {last: x}", "f.yaml").error().message,
            "f.yaml:2: unknown key `last` (known here: path, send, id).");
}

TEST(RingloadTarget, ReadsWhatIsSaidOverChunkedHttpAndMcp) {
  const auto target = target_from_yaml(kChunkedYaml, "chunked.yaml");
  ASSERT_TRUE(target) << target.error().message;
  EXPECT_EQ(target->chunked.gap, "missed");
  EXPECT_EQ(target->chunked.publish_line, R"({"d":"{payload}","t":"{topic}"})");
  EXPECT_EQ(target->chunked.publish_count, "taken");
  std::string request;
  render_line_subscribe(*target, {.topic = "a.1"}, request);
  EXPECT_EQ(request, "GET /lines/a.1 HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nX-Topic: a.1\r\n\r\n");
  request.clear();
  render_line_publish(*target, {.topic = "a.1", .event = "e"}, request);
  EXPECT_EQ(request,
            "PUT /in/a.1 HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nX-Event: e\r\n"
            "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(target->mcp.path, "/m");
  EXPECT_EQ(target->mcp.sse_path, "/s");
  EXPECT_EQ(target->mcp.era, McpEra::legacy);
  EXPECT_EQ(target->mcp.tool, "say");
  EXPECT_EQ(target->mcp.argument, "words");
  EXPECT_TRUE(target->has_part("chunked") && target->has_part("mcp"));
  EXPECT_FALSE(target->has_part("ws"));
}

TEST(RingloadTarget, HasTemplatesThatSpeakToRingcast) {
  const WsTarget ws;
  std::string answer;
  substitute(ws.control.answer, {.session = "s-0"}, answer);
  EXPECT_EQ(answer, R"({"type":"publish","topic":"control.s-0","event":"reply",)"
                    R"("data":"{\"ref\":\"{ref}\",\"status\":\"paused\"}"})");
}

TEST(RingloadTarget, SaysWhatIsWrongInAFile) {
  const auto message = [](std::string_view text) {
    const auto target = target_from_yaml(text, "f.yaml");
    return target ? std::string() : target.error().message;
  };
  EXPECT_EQ(message("name: x\nhots: y\n"),
            "f.yaml:2: unknown key `hots` (known here: name, host, port, subscribe, publish, ws, "
            "chunked, mcp).");
  EXPECT_EQ(message("port: many\n"), "f.yaml:1: `port` must be a number from 1 to 65535.");
  EXPECT_EQ(message("port: 70000\n"), "f.yaml:1: `port` must be a number from 1 to 65535.");
  EXPECT_EQ(message("publish: 3\n"), "f.yaml:1: `publish` must be a mapping.");
  EXPECT_EQ(message("subscribe:\n  headers: 3\n"), "f.yaml:2: `headers` must be a mapping.");
  EXPECT_EQ(message("ws:\n  control:\n    command: no reference\n"),
            "f.yaml:3: `command` must contain {ref} once.");
  EXPECT_EQ(message("ws: {control: {answer: '{ref} {ref}'}}\n"),
            "f.yaml:1: `answer` must contain {ref} once.");
  EXPECT_EQ(
      message("ws:\n  topic: x\n"),
      "f.yaml:2: unknown key `topic` (known here: path, headers, send, ready, gap, echo_path, "
      "resume, publish, control).");
  EXPECT_EQ(message("chunked:\n  publish:\n    line: nothing\n"),
            "f.yaml:3: `line` must contain {payload} once.");
  EXPECT_EQ(message("chunked: {publish: {line: \"{payload}\\n\"}}\n"),
            "f.yaml:1: `line` must be one line.");
  EXPECT_EQ(message("chunked:\n  path: /x\n"),
            "f.yaml:2: unknown key `path` (known here: subscribe, publish).");
  EXPECT_EQ(message("chunked: [1]\n"), "f.yaml:1: `chunked` must be a mapping.");
  EXPECT_EQ(message("mcp:\n  era: old\n"), "f.yaml:2: `era` must be modern or legacy.");
  EXPECT_EQ(message("mcp:\n  tool: 'a \"b\"'\n"),
            "f.yaml:2: `tool` must be a name of 1 to 128 letters, digits and `_-./`.");
  EXPECT_EQ(message("mcp: {url: x}\n"),
            "f.yaml:1: unknown key `url` (known here: path, sse_path, era, tool, argument).");
  EXPECT_NE(message("a: [\n"), "");
  EXPECT_EQ(message("- a\n"), "f.yaml: a target file must be a mapping.");
  EXPECT_FALSE(target_from_file("/nowhere/x.yaml"));
}

constexpr std::string_view kResponses =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n\r\n{\"\"}"
    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    "HTTP/1.1 503 Busy\r\ncontent-length: 2\r\nConnection: close\r\n\r\nno";

std::string read(std::string_view first, std::string_view second) {
  ResponseReader reader;
  std::string seen;
  for (std::string_view bytes : {first, second}) {
    while (!bytes.empty()) {
      const auto state = reader.feed(bytes);
      bytes.remove_prefix(reader.consumed());
      if (state == ResponseReader::State::failed) return seen + reader.error();
      if (state != ResponseReader::State::complete) break;
      seen += std::to_string(reader.status()) + ":" + std::string(reader.body()) +
              (reader.close() ? "! " : " ");
      reader.next();
    }
  }
  return seen;
}

TEST(RingloadResponseReader, ReadsAStreamOfResponsesUnderEverySplit) {
  for (std::size_t at = 0; at <= kResponses.size(); ++at) {
    ASSERT_EQ(read(kResponses.substr(0, at), kResponses.substr(at)),
              "200:{\"\"} 201:abcde 204: 503:no! ")
        << at;
  }
}

TEST(RingloadResponseReader, ReadsUntilTheConnectionEnds) {
  ResponseReader reader;
  EXPECT_EQ(reader.feed("HTTP/1.0 404 Nope\r\n\r\nsorry"), ResponseReader::State::needs_more);
  EXPECT_EQ(reader.end(), ResponseReader::State::complete);
  EXPECT_EQ(reader.status(), 404);
  EXPECT_EQ(reader.body(), "sorry");
  ResponseReader cut;
  cut.feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
  EXPECT_EQ(cut.end(), ResponseReader::State::failed);
}

TEST(RingloadResponseReader, RefusesWhatIsNoResponse) {
  ResponseReader reader;
  EXPECT_EQ(reader.feed("SSH-2.0-OpenSSH\r\n\r\n"), ResponseReader::State::failed);
  EXPECT_EQ(reader.error(), "This is no HTTP/1 response: `SSH-2.0-OpenSSH....`.");
}

}  // namespace
}  // namespace ringcast::load
