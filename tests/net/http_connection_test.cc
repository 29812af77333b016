// The times of a connection, on a kernel and a clock that do only what the test says.
#include "net/http_connection.h"

#include <gtest/gtest.h>

#include <string>

#include "net/http_server.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMs = 1'000'000;

class NoHandler final : public HttpHandler {
 public:
  Task<void> handle(HttpExchange& exchange) override {
    exchange.respond_empty(204);
    co_return;
  }
  void refused(int status) override { refused_status = status; }

  int refused_status = 0;
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

  void accept() {
    Acceptor::Sink& sink = *server_;
    sink.accepted(Descriptor::ordinary(9), SocketAddress{});
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

}  // namespace
}  // namespace ringcast
