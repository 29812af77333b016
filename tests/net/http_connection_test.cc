// The times of a connection, on a kernel and a clock that do only what the test says.
#include "net/http_connection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

#include "net/http_server.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMs = 1'000'000;

class NoHandler final : public HttpHandler {
 public:
  Task<void> handle(HttpExchange& exchange) override {
    ClientAddress::TextBuffer text;
    client = exchange.client().text(text);
    proto = exchange.forwarded_proto().value_or("-");
    host = exchange.forwarded_host().value_or("-");
    exchange.respond_empty(204);
    co_return;
  }
  void refused(const HttpExchange& exchange) override { refused_status = exchange.status(); }
  void proxy_refused(ProxyRefusal reason, const ClientAddress&) override { refusal = reason; }

  int refused_status = 0;
  std::optional<ProxyRefusal> refusal;
  std::string client, proto, host;  // of the last request
};

class HttpConnectionTest : public testing::Test {
 protected:
  HttpConnectionTest() {
    auto driver = std::make_unique<ManualDriver>();
    driver_ = driver.get();
    reactor_ = std::make_unique<Reactor>(0, std::move(driver));
    HttpLimits limits;
    limits.header_timeout_ms = 500;
    limits.idle_timeout_ms = 60'000;
    server_ = std::make_unique<HttpServer>(*reactor_, admission_, handler_, limits);
  }

  void accept(bool proxied = false) {
    server_->accepted(Descriptor::ordinary(9), SocketAddress{}, proxied);
    turns();
  }
  void turns(int count = 5) {
    while (count-- > 0) reactor_->turn(false);
  }
  void pass(std::int64_t ns) {
    driver_->clock_ns += ns;
    turns();
  }
  void complete(OpCode code, std::int32_t result) {
    ASSERT_TRUE(driver_->complete(code, result));
    turns();
  }
  // In pieces, as large as the driver's buffer is.
  void receive(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::span<char> buffer = driver_->buffer(0);
      const std::size_t size = std::min(bytes.size(), buffer.size());
      std::ranges::copy(bytes.substr(0, size), buffer.begin());
      complete(OpCode::recv_provided, static_cast<std::int32_t>(size));
      bytes.remove_prefix(size);
    }
  }
  // The bytes of the send under way, which the peer then has.
  std::string take_sent() {
    for (const Operation& operation : driver_->operations) {
      if (operation.code != OpCode::send) continue;
      std::string bytes(static_cast<const char*>(operation.data), operation.size);
      complete(OpCode::send, static_cast<std::int32_t>(bytes.size()));
      return bytes;
    }
    return {};
  }
  // The peer ends its side once ours is shut down.
  void end() {
    complete(OpCode::shutdown, 0);
    complete(OpCode::recv_provided, 0);
    complete(OpCode::close, 0);
    EXPECT_EQ(server_->connections(), 0U);
    EXPECT_EQ(reactor_->spawned(), 0U);
  }

  Admission admission_{1};
  NoHandler handler_;
  ManualDriver* driver_ = nullptr;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpConnectionTest, OneOverTheLimitWaitsNoLongerThanAHeadMay) {
  admission_.enter();
  accept();
  EXPECT_TRUE(driver_->has(OpCode::recv_provided));
  pass(499 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  ASSERT_TRUE(driver_->complete(OpCode::cancel, 0));
  complete(OpCode::recv_provided, -ECANCELED);
  EXPECT_TRUE(take_sent().starts_with("HTTP/1.1 503 "));
  EXPECT_EQ(handler_.refused_status, 503);
  end();
  EXPECT_EQ(admission_.open(), 1U);
}

TEST_F(HttpConnectionTest, AnIdleOneWithinTheLimitHasItsOwnTime) {
  accept();
  pass(59'999 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  ASSERT_TRUE(driver_->complete(OpCode::cancel, 0));
  complete(OpCode::recv_provided, -ECANCELED);
  EXPECT_TRUE(take_sent().empty());
  complete(OpCode::close, 0);
  EXPECT_EQ(reactor_->spawned(), 0U);
  EXPECT_EQ(admission_.open(), 0U);
}

constexpr std::string_view kRequest =
    "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 2001:db8::7\r\nX-Forwarded-Proto: https\r\n"
    "X-Forwarded-Host: app.example\r\n\r\n";

TEST_F(HttpConnectionTest, AProxyHeaderHasAHeadsTime) {
  accept(true);
  receive("PROXY TCP4 192.0.2.43");
  pass(499 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  ASSERT_TRUE(driver_->complete(OpCode::cancel, 0));
  complete(OpCode::recv_provided, -ECANCELED);
  EXPECT_TRUE(take_sent().empty());
  EXPECT_EQ(handler_.refusal, ProxyRefusal::timeout);
  complete(OpCode::close, 0);
  EXPECT_EQ(reactor_->spawned(), 0U);
}

TEST_F(HttpConnectionTest, WhoeverTheProxyHeaderNamesIsTheClient) {
  accept(true);
  receive("PROXY TCP4 192.0.2.43 198.51.100.1 56324 443\r\n");
  receive(kRequest);
  EXPECT_TRUE(take_sent().starts_with("HTTP/1.1 204 "));
  // Who is no trusted proxy is not believed anything.
  EXPECT_EQ(handler_.client, "192.0.2.43");
  EXPECT_EQ(handler_.proto, "-");
  EXPECT_EQ(handler_.host, "-");
  server_->drain();
  turns();
  ASSERT_TRUE(driver_->complete(OpCode::cancel, 0));
  complete(OpCode::recv_provided, -ECANCELED);
  complete(OpCode::close, 0);
}

TEST_F(HttpConnectionTest, ATrustedProxyNamesTheClientOfEachRequest) {
  accept();
  receive(kRequest);
  EXPECT_TRUE(take_sent().starts_with("HTTP/1.1 204 "));
  EXPECT_EQ(handler_.client, "2001:db8::7");
  EXPECT_EQ(handler_.proto, "https");
  EXPECT_EQ(handler_.host, "app.example");
  receive("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(handler_.client, "unix:");
  EXPECT_EQ(handler_.proto, "-");
  EXPECT_EQ(handler_.host, "-");
  EXPECT_TRUE(take_sent().starts_with("HTTP/1.1 204 "));
  end();
}

}  // namespace
}  // namespace ringcast
