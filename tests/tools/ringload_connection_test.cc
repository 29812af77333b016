// What a connection of the load program says of the time, on real sockets.
#include "tools/ringload/connection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

namespace ringcast::load {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

class Probe final : public Connection {
 public:
  using Connection::Connection;

  void ask() { receive(); }
  bool connected = false;
  std::string got;
  std::int64_t at_ns = 0;  // when the last of it arrived

 private:
  void on_connected() override { connected = true; }
  void on_sent() override {}
  void on_bytes(std::string_view bytes) override {
    got += bytes;
    at_ns = arrived_ns();
  }
  void on_end(int error, std::string_view where) override { ADD_FAILURE() << where << error; }
};

class RingloadConnection : public testing::Test {
 protected:
  void SetUp() override {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    ASSERT_EQ(listen(listener_, 1), 0);
    socklen_t length = sizeof at;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &length);
    address_ = *resolve("127.0.0.1", ntohs(at.sin_port));
    loop_ = *Loop::create(2);
  }
  void TearDown() override {
    if (peer_ >= 0) ::close(peer_);
    ::close(listener_);
  }

  void connect(Probe& probe, bool stamped) {
    ASSERT_TRUE(probe.open(address_, {.stamped = stamped}));
    turn_until([&] { return probe.connected; });
    peer_ = accept(listener_, nullptr, nullptr);
    ASSERT_GE(peer_, 0);
  }
  // Of bytes that were sent some time before anybody looked: how long they were under way.
  std::int64_t late_ns(Probe& probe) {
    // The kernel begins to stamp a little after it was asked to.
    for (const char* bytes : {"early", "late"}) {
      const std::size_t before = probe.got.size();
      probe.ask();
      loop_->turn(0);
      sent_ns_ = loop_->clock_ns();
      EXPECT_GT(write(peer_, bytes, std::string_view(bytes).size()), 0);
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
      turn_until([&] { return probe.got.size() > before; });
    }
    return probe.at_ns - sent_ns_;
  }
  template <class Done>
  void turn_until(const Done& done) {
    for (int n = 0; n < 1000 && !done(); ++n) loop_->turn(10 * kNsPerMs);
    ASSERT_TRUE(done());
  }

  std::unique_ptr<Loop> loop_;

 private:
  int listener_ = -1;
  int peer_ = -1;
  Address address_;
  std::int64_t sent_ns_ = 0;
};

TEST_F(RingloadConnection, ArrivalIsWhenItWasCollected) {
  Probe probe(*loop_, 0);
  connect(probe, false);
  EXPECT_GE(late_ns(probe), 200 * kNsPerMs);
  EXPECT_EQ(probe.got, "earlylate");
}

TEST_F(RingloadConnection, ArrivalIsWhenItCameToTheKernelIfAskedFor) {
  Probe probe(*loop_, 0);
  connect(probe, true);
  const std::int64_t late = late_ns(probe);
  EXPECT_GE(late, -kNsPerMs);
  EXPECT_LE(late, 100 * kNsPerMs);
  EXPECT_EQ(probe.got, "earlylate");
}

TEST_F(RingloadConnection, TimesThatMakeNoSenseAreNow) {
  loop_->turn(0);
  EXPECT_EQ(loop_->on_loops_clock(0), loop_->now_ns());
  EXPECT_EQ(loop_->on_loops_clock(INT64_MAX), loop_->now_ns());
}

}  // namespace
}  // namespace ringcast::load
