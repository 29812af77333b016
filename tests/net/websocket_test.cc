// The times and the bounds of a session, on a kernel and a clock that do only what the test says.
#include "net/websocket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "net/http_server.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr WsMask kMask{1, 2, 3, 4};

std::string frame(WsOpcode opcode, std::string_view payload) {
  char head[kMostWsHeaderBytes];
  char* const end = write_masked_header(head, opcode, payload.size(), kMask);
  std::string body(payload);
  apply_mask(body, kMask);
  return std::string(head, end) + body;
}

std::string plain(WsOpcode opcode, std::string_view payload) {
  char head[kMostWsHeaderBytes];
  char* const end = write_frame_header(head, opcode, payload.size());
  return std::string(head, end).append(payload);
}

std::string close_of(std::uint16_t code, std::string_view reason = {}) {
  std::string payload;
  append_close_payload(payload, code, reason);
  return payload;
}

class WebSocketTest : public testing::Test, public HttpHandler {
 protected:
  WebSocketTest() {
    auto driver = std::make_unique<ManualDriver>();
    driver_ = driver.get();
    reactor_ = std::make_unique<Reactor>(0, std::move(driver));
    server_ = std::make_unique<HttpServer>(*reactor_, admission_, *this, HttpLimits{});
    options_.ping_after_ms = 1000;
    options_.pong_timeout_ms = 500;
    options_.close_timeout_ms = 700;
    options_.max_unsent_bytes = 64;
  }

  Task<void> handle(HttpExchange& exchange) override {
    return serve_websocket(
        exchange, [this](WebSocket& socket) { return program_(*this, socket); }, options_);
  }

  // The program that most tests run.
  static Task<void> echo(WebSocketTest& self, WebSocket& socket) {
    self.socket_ = &socket;
    while (co_await socket.receive(self.last_)) {
      ++self.received_;
      if (!co_await socket.send(self.last_.opcode, self.last_.payload)) break;
    }
    self.socket_ = nullptr;
    ++self.ends_;
    self.end_code_ = self.last_.close_code;
  }

  static Task<void> greet(WebSocketTest& self, WebSocket& socket) {
    ++self.ends_;
    const bool sent = co_await socket.send(WsOpcode::text, "hello");
    EXPECT_TRUE(sent);
  }

  static Task<void> sleep_first(WebSocketTest& self, WebSocket& socket) {
    co_await socket.scope().sleep(10'000 * kMs);
    co_await echo(self, socket);
  }

  void turns(int count = 8) {
    while (count-- > 0) reactor_->turn(false);
  }
  void pass(std::int64_t ns) {
    driver_->clock_ns += ns;
    turns();
  }
  void complete(OpCode code, std::int32_t result) {
    ASSERT_TRUE(driver_->complete(code, result)) << static_cast<int>(code);
    turns();
  }
  // The driver's buffer is small: long texts come in pieces.
  void give(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::span<char> room = driver_->buffer(0);
      const std::size_t n = std::min(room.size(), bytes.size());
      bytes.copy(room.data(), n);
      complete(OpCode::recv_provided, static_cast<std::int32_t>(n));
      bytes.remove_prefix(n);
    }
  }
  // The bytes of the send under way, which the peer then has.
  std::string take_sent() {
    const auto found = std::ranges::find(driver_->operations, OpCode::send, &Operation::code);
    if (found == driver_->operations.end()) return {};
    std::string bytes(static_cast<const char*>(found->data), found->size);
    complete(OpCode::send, static_cast<std::int32_t>(bytes.size()));
    return bytes;
  }
  void open() {
    server_->accepted(Descriptor::ordinary(9), SocketAddress{}, false);
    turns();
    give(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    EXPECT_TRUE(take_sent().starts_with("HTTP/1.1 101 "));
  }
  void expect_gone() {
    EXPECT_EQ(ends_, 1);
    EXPECT_EQ(server_->connections(), 0U);
    EXPECT_EQ(reactor_->spawned(), 0U);
  }
  // Our side ends its sending, the peer its own.
  void end_tcp() {
    complete(OpCode::shutdown, 0);
    complete(OpCode::recv_provided, 0);
    complete(OpCode::close, 0);
    expect_gone();
  }
  // What was cancelled ends, and the descriptor goes.
  void end_cancelled() {
    for (int rounds = 3; rounds > 0; --rounds) {
      driver_->complete(OpCode::cancel, 0);
      driver_->complete(OpCode::send, -ECANCELED);
      driver_->complete(OpCode::recv_provided, -ECANCELED);
      turns();
    }
    complete(OpCode::close, 0);
    expect_gone();
  }

  using Program = Task<void> (*)(WebSocketTest&, WebSocket&);
  Program program_ = echo;
  WebSocketOptions options_;
  Admission admission_{10};
  ManualDriver* driver_ = nullptr;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<HttpServer> server_;
  WebSocket* socket_ = nullptr;
  WsMessage last_;
  int received_ = 0;
  int ends_ = 0;
  std::uint16_t end_code_ = 0;
};

TEST_F(WebSocketTest, RepliesOfATurnShareASend) {
  open();
  give(frame(WsOpcode::text, "a") + frame(WsOpcode::ping, "p") + frame(WsOpcode::binary, "b"));
  EXPECT_EQ(take_sent(),
            plain(WsOpcode::text, "a") + plain(WsOpcode::pong, "p") + plain(WsOpcode::binary, "b"));
  EXPECT_EQ(take_sent(), "");
  give(frame(WsOpcode::close, close_of(4001, "bye")));
  EXPECT_EQ(take_sent(), plain(WsOpcode::close, close_of(4001)));
  EXPECT_EQ(end_code_, 4001);
  end_tcp();
}

TEST_F(WebSocketTest, PingsASilentPeerAndLeavesADeadOne) {
  open();
  pass(999 * kMs);
  EXPECT_EQ(take_sent(), "");
  give(frame(WsOpcode::text, "x"));
  EXPECT_EQ(take_sent(), plain(WsOpcode::text, "x"));
  pass(999 * kMs);
  EXPECT_EQ(take_sent(), "");
  pass(2 * kMs);
  EXPECT_EQ(take_sent(), plain(WsOpcode::ping, ""));
  give(frame(WsOpcode::pong, ""));
  pass(1002 * kMs);
  EXPECT_EQ(take_sent(), plain(WsOpcode::ping, ""));
  pass(499 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  EXPECT_TRUE(driver_->has(OpCode::cancel));
  end_cancelled();
  EXPECT_EQ(end_code_, ws_close::kAbnormal);
}

TEST_F(WebSocketTest, WhoIsNotListenedToIsNotSilent) {
  program_ = sleep_first;
  open();
  for (int second = 0; second < 9; ++second) pass(1000 * kMs);
  EXPECT_EQ(take_sent(), "");
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(1001 * kMs);
  give(frame(WsOpcode::close, ""));
  EXPECT_EQ(take_sent(), plain(WsOpcode::close, ""));
  end_tcp();
}

TEST_F(WebSocketTest, SendsWaitAndSoDoesReceiving) {
  open();
  give(frame(WsOpcode::text, std::string(50, '1')));
  const std::string second = frame(WsOpcode::text, std::string(50, '2'));
  give(second);
  EXPECT_EQ(received_, 2);
  // 104 bytes are unsent, and nothing more is taken from the peer.
  EXPECT_FALSE(driver_->has(OpCode::recv_provided));
  EXPECT_EQ(take_sent(), plain(WsOpcode::text, std::string(50, '1')));
  EXPECT_TRUE(driver_->has(OpCode::recv_provided));
  EXPECT_EQ(take_sent(), plain(WsOpcode::text, std::string(50, '2')));
  give(frame(WsOpcode::close, ""));
  EXPECT_EQ(take_sent(), plain(WsOpcode::close, ""));
  end_tcp();
}

TEST_F(WebSocketTest, APeerThatTakesNothingIsLeft) {
  options_.send_timeout_ms = 300;
  open();
  give(frame(WsOpcode::text, "x"));
  EXPECT_TRUE(driver_->has(OpCode::send));
  pass(302 * kMs);
  end_cancelled();
}

TEST_F(WebSocketTest, ADrainSaysSoAndWaitsForTheAnswer) {
  open();
  server_->drain();
  turns();
  EXPECT_EQ(take_sent(), plain(WsOpcode::close, close_of(1001, "the server is shutting down")));
  give(frame(WsOpcode::text, "late"));
  EXPECT_EQ(received_, 1);
  EXPECT_EQ(take_sent(), "");
  give(frame(WsOpcode::close, close_of(1001)));
  EXPECT_EQ(take_sent(), "");
  end_tcp();
}

TEST_F(WebSocketTest, AnUnansweredCloseEndsInTime) {
  open();
  socket_->close(4000, "enough");
  turns();
  EXPECT_EQ(take_sent(), plain(WsOpcode::close, close_of(4000, "enough")));
  pass(699 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  end_cancelled();
}

TEST_F(WebSocketTest, AProgramThatReturnsCloses) {
  program_ = greet;
  open();
  EXPECT_EQ(take_sent(), plain(WsOpcode::text, "hello") + plain(WsOpcode::close, close_of(1000)));
  give(frame(WsOpcode::text, "ignored") + frame(WsOpcode::close, close_of(1000)));
  end_tcp();
}

TEST_F(WebSocketTest, AnAbortEndsEverything) {
  open();
  give(frame(WsOpcode::text, "x"));
  server_->abort_all();
  turns();
  end_cancelled();
}

}  // namespace
}  // namespace ringcast
