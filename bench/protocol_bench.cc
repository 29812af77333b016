// What reading requests and messages and framing events costs: the hot paths above the core, on
// inputs as clients send them, without sockets.
#include <string>
#include <vector>

#include "bench/hot_path.h"
#include "core/event_id.h"
#include "core/event_stream.h"
#include "net/head_cache.h"
#include "net/head_scanner.h"
#include "net/http_head.h"
#include "net/websocket_frame.h"
#include "net/websocket_reader.h"
#include "protocol/batch_parser.h"
#include "protocol/mcp/rpc_message.h"
#include "protocol/ws_command.h"
#include "protocol/ws_form.h"

namespace ringcast {
namespace {

constexpr std::string_view kPublish =
    "POST /api/events/jobs.42?event=step_progress HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
    "User-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: 15\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\n";
constexpr std::string_view kBrowser =
    "GET /events?topic=jobs.42 HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
    "Pragma: no-cache\r\nCache-Control: no-cache\r\nsec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/130.0.0.0 Safari/537.36\r\nAccept: text/event-stream\r\n"
    "sec-ch-ua: \"Chromium\";v=\"130\", \"Not?A_Brand\";v=\"99\"\r\nsec-ch-ua-mobile: ?0\r\n"
    "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\n"
    "Referer: http://localhost:8080/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nLast-Event-ID: mwq929yy-4\r\n\r\n";

// What simdjson may read behind a text.
std::string padded(std::string_view text) { return std::string(text) + std::string(64, '\0'); }

// --- requests ---

void head(benchmark::State& state, std::string_view text) {
  HeadScanner scanner;
  for (auto _ : state) {
    scanner.reset();
    if (scanner.scan(text) != HeadScanner::State::complete) state.SkipWithError("no head");
    RequestHead parsed;
    if (parse_head(scanner.head(text), parsed)) state.SkipWithError("refused");
    benchmark::DoNotOptimize(parsed.path);
  }
}

void BM_HeadOfPublish(benchmark::State& state) { head(state, kPublish); }
HOT_PATH(BM_HeadOfPublish);

void BM_HeadOfBrowser(benchmark::State& state) { head(state, kBrowser); }
HOT_PATH(BM_HeadOfBrowser);

// The same head again, as publishers send it.
void BM_HeadKnown(benchmark::State& state) {
  HeadCache cache;
  RequestHead first;
  if (parse_head(kPublish, first)) state.SkipWithError("refused");
  cache.keep(kPublish, first);
  for (auto _ : state) {
    if (cache.match(kPublish) != kPublish.size()) state.SkipWithError("not known");
    RequestHead parsed;
    cache.restore(kPublish, parsed);
    benchmark::DoNotOptimize(parsed.path);
  }
}
HOT_PATH(BM_HeadKnown);

void BM_Batch(benchmark::State& state) {
  std::string body = "[";
  for (int n = 0; n < 100; ++n) {
    if (n > 0) body += ',';
    body +=
        R"({"topic":"jobs.42","event":"step_progress","data":")" + std::string(100, 'x') + R"("})";
  }
  const std::size_t size = body.size() + 1;
  const std::string text = padded(body + "]");
  EventReader reader;
  BatchParser batch(reader);
  const Limits limits;
  for (auto _ : state) {
    batch.begin(std::string_view(text).substr(0, size), limits);
    for (auto read = batch.read_on(); !read || *read == BatchParser::Progress::more;
         read = batch.read_on()) {
      if (!read) return state.SkipWithError(read.error().message.c_str());
    }
    if (batch.events().size() != 100) state.SkipWithError("not all events");
  }
}
HOT_PATH(BM_Batch);

void BM_RpcParse(benchmark::State& state) {
  const std::string_view call =
      R"({"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"echo",)"
      R"("arguments":{"text":"0123456789012345678901234567890123456789012345678901234567890123"},)"
      R"("_meta":{"progressToken":3}}})";
  const std::string text = padded(call);
  RpcParser parser;
  RpcMessage message;
  for (auto _ : state) {
    if (parser.parse(std::string_view(text).substr(0, call.size()), message)) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(message.method);
  }
}
HOT_PATH(BM_RpcParse);

void BM_CommandParse(benchmark::State& state) {
  const std::string_view command =
      R"({"type":"publish","topic":"jobs.42","event":"tick","data":{"progress":65},"ref":7})";
  const std::string text = padded(command);
  WsCommandParser parser;
  WsCommand parsed;
  for (auto _ : state) {
    if (!parser.parse(std::string_view(text).substr(0, command.size()), false, parsed)) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(parsed.name);
  }
}
HOT_PATH(BM_CommandParse);

// --- WebSocket frames ---

void BM_FrameHeader(benchmark::State& state) {
  char bytes[kMostWsHeaderBytes];
  WsFrameHeader header;
  for (auto _ : state) {
    const char* const end = write_frame_header(bytes, WsOpcode::text, 200);
    benchmark::DoNotOptimize(parse_frame_header({bytes, end}, header));
    benchmark::DoNotOptimize(header.length);
  }
}
HOT_PATH(BM_FrameHeader);

void BM_Mask(benchmark::State& state) {
  std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    apply_mask(payload, {0x37, 0xfa, 0x21, 0x3d});
    benchmark::DoNotOptimize(payload.data());
  }
}
HOT_PATH(BM_Mask)->Arg(128)->Arg(16384);

// A masked text message of a client, from the bytes received to the text.
void BM_ReadMessage(benchmark::State& state) {
  const std::string text(static_cast<std::size_t>(state.range(0)), 'x');
  char bytes[kMostWsHeaderBytes];
  const WsMask mask{0x37, 0xfa, 0x21, 0x3d};
  const std::string frame(bytes, write_masked_header(bytes, WsOpcode::text, text.size(), mask));
  std::string masked = text;
  apply_mask(masked, mask);
  masked.insert(0, frame);
  WebSocketReader reader(WsRole::server);
  WsMessage message;
  std::string input;
  for (auto _ : state) {
    input = masked;
    reader.feed(input);
    if (!reader.next(message) || message.payload.size() != text.size()) {
      state.SkipWithError("no message");
    }
    reader.next(message);
  }
}
HOT_PATH(BM_ReadMessage)->Arg(128);

// An event of the log as a WebSocket message.
void BM_FrameEvent(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 1);
  const std::string data(128, 'x');
  const NewEvent event{.type = "tick", .data = data, .key = {}};
  std::vector<char> log(event_bytes(event));
  const char* const end = write_event(log.data(), event, 1'000'000'000, ids);
  WsForm form;
  std::vector<char> out;
  for (auto _ : state) {
    out.clear();
    form.append_event(out, "jobs.42", {log.data(), end}, {});
    benchmark::DoNotOptimize(out.data());
  }
}
HOT_PATH(BM_FrameEvent);

}  // namespace
}  // namespace ringcast

int main(int argc, char** argv) { return ringcast::run_hot_paths(argc, argv); }
