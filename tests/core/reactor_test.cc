// The reactor on a real ring and real sockets.
#include "core/reactor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "core/scope.h"
#include "core/socket.h"
#include "core/uring_driver.h"
#include "tests/core/sockets.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMs = 1'000'000;

class ReactorTest : public testing::Test {
 protected:
  void open(const UringLimits& limits = {.entries = 256,
                                         .cq_entries = 1024,
                                         .direct_descriptors = 64,
                                         .recv_buffers = 16,
                                         .recv_buffer_bytes = 1024}) {
    auto driver = UringDriver::create(limits);
    ASSERT_TRUE(driver) << driver.error().message;
    reactor_ = std::make_unique<Reactor>(0, std::move(*driver));
  }
  void run_until(const std::function<bool()>& done) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), limit) << "did not happen";
      reactor_->turn(false);
    }
  }
  void run_all() {
    run_until([this] { return reactor_->spawned() == 0; });
  }
  std::uint64_t buffers_out() { return reactor_->driver().counters().buffers_out; }

  std::unique_ptr<Reactor> reactor_;
};

Task<void> collect(Socket socket, std::string* out, std::int32_t* last) {
  for (;;) {
    const Received received = co_await socket.receive();
    out->append(received.bytes());
    *last = received.result();
    if (received.result() <= 0) break;
  }
  co_await socket.close();
}

TEST_F(ReactorTest, ReceivesInProvidedBuffersWhichComeBack) {
  open();
  TcpPair pair = tcp_pair();
  Scope scope(*reactor_);
  std::string got;
  std::int32_t last = 1;
  scope.spawn(collect(Socket(scope, Descriptor::ordinary(pair.server)), &got, &last));
  std::string sent;
  for (int i = 0; i < 5000; ++i) sent += std::to_string(i) + " ";
  pair.client.send(sent);
  run_until([&] { return got.size() == sent.size(); });
  EXPECT_EQ(got, sent);
  EXPECT_EQ(buffers_out(), 0U);
  pair.client.close();
  run_all();
  EXPECT_EQ(last, 0);
  EXPECT_EQ(buffers_out(), 0U);
}

TEST_F(ReactorTest, FourBuffersServe64Senders) {
  open({.entries = 256, .cq_entries = 1024, .recv_buffers = 4, .recv_buffer_bytes = 256});
  constexpr std::size_t kSenders = 64;
  std::vector<TcpPair> pairs;
  std::vector<std::string> got(kSenders);
  std::vector<std::int32_t> last(kSenders, 1);
  Scope scope(*reactor_);
  for (std::size_t i = 0; i < kSenders; ++i) {
    pairs.push_back(tcp_pair());
    scope.spawn(collect(Socket(scope, Descriptor::ordinary(pairs[i].server)), &got[i], &last[i]));
  }
  reactor_->turn(false);
  for (int round = 0; round < 20; ++round) {
    for (std::size_t i = 0; i < kSenders; ++i) pairs[i].client.send(std::string(300, 'a'));
    const std::size_t expected = 300U * (static_cast<std::size_t>(round) + 1);
    run_until([&] {
      return std::ranges::all_of(got, [&](const auto& text) { return text.size() == expected; });
    });
  }
  EXPECT_GT(reactor_->buffer_waits(), 0U) << "the buffers never ran out";
  for (TcpPair& pair : pairs) pair.client.close();
  run_all();
  EXPECT_EQ(std::ranges::count(last, 0), static_cast<std::ptrdiff_t>(kSenders));
  EXPECT_EQ(buffers_out(), 0U);
}

// Holds its buffer until it is told not to.
Task<void> hold(Socket socket, Scope* hands, std::int64_t ns) {
  const Received received = co_await socket.receive();
  co_await hands->sleep(ns);
}

Task<void> receive_once(Socket socket, std::int64_t by, std::int32_t* result) {
  const Received received = co_await socket.receive(by);
  *result = received.result();
}

TEST_F(ReactorTest, AWaiterThatNeedsNoBufferAfterAllLetsTheNextOneHaveIt) {
  open({.entries = 256, .cq_entries = 1024, .recv_buffers = 1, .recv_buffer_bytes = 256});
  Scope scope(*reactor_);
  TcpPair first = tcp_pair();
  TcpPair second = tcp_pair();
  TcpPair third = tcp_pair();
  std::int32_t second_result = 1000;
  std::int32_t third_result = 1000;
  scope.spawn(hold(Socket(scope, Descriptor::ordinary(first.server)), &scope, 50 * kMs));
  first.client.send("x");
  run_until([&] { return buffers_out() == 1; });
  scope.spawn(receive_once(Socket(scope, Descriptor::ordinary(second.server)), -1, &second_result));
  scope.spawn(receive_once(Socket(scope, Descriptor::ordinary(third.server)), -1, &third_result));
  second.client.send("x");
  third.client.send("xyz");
  for (int i = 0; i < 10; ++i) reactor_->turn(false);
  char taken = 0;  // what the second is waiting to receive is gone: it will hold no buffer
  ASSERT_EQ(recv(second.server, &taken, 1, MSG_DONTWAIT), 1);
  run_until([&] { return third_result != 1000; });
  EXPECT_EQ(third_result, 3);
  EXPECT_EQ(second_result, 1000);
  second.client.close();
  run_all();
  EXPECT_EQ(second_result, 0);
  for (const TcpPair* pair : {&first, &second, &third}) ::close(pair->server);
}

TEST_F(ReactorTest, InTheLineForABufferTimeAndCancelCount) {
  open({.entries = 256, .cq_entries = 1024, .recv_buffers = 1, .recv_buffer_bytes = 256});
  Scope holding(*reactor_);
  Scope waiting(*reactor_);
  TcpPair pairs[] = {tcp_pair(), tcp_pair(), tcp_pair()};
  std::int32_t timed = 1;
  std::int32_t cancelled = 1;
  holding.spawn(hold(Socket(holding, Descriptor::ordinary(pairs[0].server)), &holding, 5000 * kMs));
  pairs[0].client.send("x");
  run_until([&] { return buffers_out() == 1; });
  waiting.spawn(receive_once(Socket(waiting, Descriptor::ordinary(pairs[1].server)),
                             reactor_->now_ns() + 30 * kMs, &timed));
  waiting.spawn(
      receive_once(Socket(waiting, Descriptor::ordinary(pairs[2].server)), -1, &cancelled));
  pairs[1].client.send("x");
  pairs[2].client.send("x");
  run_until([&] { return timed != 1; });
  EXPECT_EQ(timed, -ETIMEDOUT);
  EXPECT_EQ(cancelled, 1);
  waiting.cancel();
  run_until([&] { return cancelled != 1; });
  EXPECT_EQ(cancelled, -ECANCELED);
  holding.cancel();
  run_all();
  for (const TcpPair& pair : pairs) ::close(pair.server);
}

TEST_F(ReactorTest, CompletionsBeyondTheQueueAreNotLost) {
  open({.entries = 8, .cq_entries = 8, .recv_buffers = 512, .recv_buffer_bytes = 64});
  constexpr std::size_t kMany = 400;
  std::vector<TcpPair> pairs;
  std::vector<std::int32_t> results(kMany, 1000);
  Scope scope(*reactor_);
  for (std::size_t i = 0; i < kMany; ++i) {
    pairs.push_back(tcp_pair());
    scope.spawn(
        receive_once(Socket(scope, Descriptor::ordinary(pairs[i].server)), -1, &results[i]));
  }
  for (int i = 0; i < 5; ++i) reactor_->turn(false);
  for (TcpPair& pair : pairs) pair.client.send("ab");
  run_all();
  EXPECT_EQ(std::ranges::count(results, 2), static_cast<std::ptrdiff_t>(kMany));
  EXPECT_GT(reactor_->driver().counters().cq_overflows, 0U) << "the queue never overflowed";
  for (const TcpPair& pair : pairs) ::close(pair.server);
}

TEST_F(ReactorTest, DeadlineAndCancelOnTheRealKernel) {
  open();
  TcpPair timed = tcp_pair();
  TcpPair cancelled = tcp_pair();
  Scope scope(*reactor_);
  std::int32_t timed_result = 1;
  std::int32_t cancelled_result = 1;
  const std::int64_t begin = reactor_->now_ns();
  scope.spawn(receive_once(Socket(scope, Descriptor::ordinary(timed.server)),
                           reactor_->now_ns() + 30 * kMs, &timed_result));
  scope.spawn(
      receive_once(Socket(scope, Descriptor::ordinary(cancelled.server)), -1, &cancelled_result));
  run_until([&] { return timed_result != 1; });
  EXPECT_EQ(timed_result, -ETIMEDOUT);
  EXPECT_GE(reactor_->driver().now_ns() - begin, 30 * kMs);
  EXPECT_EQ(cancelled_result, 1);
  scope.cancel();
  run_all();
  EXPECT_EQ(cancelled_result, -ECANCELED);
  ::close(timed.server);
  ::close(cancelled.server);
}

Task<void> send_all(Socket socket, std::string_view bytes, std::int64_t by, std::int32_t* result) {
  *result = co_await socket.send(bytes, by);
}

TEST_F(ReactorTest, OneSendCarriesMoreThanTheSocketTakes) {
  open();
  TcpPair pair = tcp_pair(4096);
  Scope scope(*reactor_);
  std::int32_t result = 1;
  std::string sent(500'000, '\0');
  for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 % 251);
  scope.spawn(send_all(Socket(scope, Descriptor::ordinary(pair.server)), sent, -1, &result));
  std::string got;
  std::thread reader([&] { got = pair.client.read(sent.size()); });
  run_all();
  reader.join();
  EXPECT_EQ(result, static_cast<std::int32_t>(sent.size()));
  EXPECT_TRUE(got == sent);
  ::close(pair.server);
}

TEST_F(ReactorTest, ASendToNobodyEndsShort) {
  open();
  TcpPair stalled = tcp_pair(4096);
  TcpPair gone = tcp_pair(4096);
  Scope scope(*reactor_);
  std::int32_t stalled_result = 1;
  std::int32_t gone_result = 1;
  const std::string bytes(4 << 20, 'x');
  const std::int64_t by = reactor_->now_ns() + 50 * kMs;
  scope.spawn(
      send_all(Socket(scope, Descriptor::ordinary(stalled.server)), bytes, by, &stalled_result));
  scope.spawn(send_all(Socket(scope, Descriptor::ordinary(gone.server)), bytes, -1, &gone_result));
  for (int i = 0; i < 5; ++i) reactor_->turn(false);
  gone.client.reset();
  run_all();
  EXPECT_LT(stalled_result, static_cast<std::int32_t>(bytes.size()));
  EXPECT_LT(gone_result, static_cast<std::int32_t>(bytes.size()));
  ::close(stalled.server);
  ::close(gone.server);
}

struct Noted : Completion {
  Noted() : Completion(done) {}
  static void done(Completion& completion, std::int32_t result, std::uint32_t, unsigned tag) {
    auto& self = static_cast<Noted&>(completion);
    self.results.emplace_back(tag, result);
  }
  std::vector<std::pair<unsigned, std::int32_t>> results;
};

TEST_F(ReactorTest, AdoptedDescriptorsServeAndClose) {
  open();
  TcpPair pair = tcp_pair();
  Noted noted;
  int slot = pair.server;
  Operation adopt{.code = OpCode::adopt, .tag = 1, .fd = {}};
  adopt.data = &slot;
  adopt.completion = &noted;
  reactor_->push(adopt);
  run_until([&] { return !noted.results.empty(); });
  ASSERT_EQ(noted.results[0].second, 1);
  reactor_->opened_descriptor();
  ::close(pair.server);  // the ring's table holds it now
  std::string text = "over a direct descriptor";
  Operation send{.code = OpCode::send, .tag = 2, .fd = Descriptor::direct(slot)};
  send.data = text.data();
  send.size = static_cast<std::uint32_t>(text.size());
  send.completion = &noted;
  reactor_->push(send);
  run_until([&] { return noted.results.size() == 2; });
  EXPECT_EQ(noted.results[1],
            (std::pair<unsigned, std::int32_t>{2, static_cast<std::int32_t>(text.size())}));
  EXPECT_EQ(pair.client.read(text.size()), text);
  EXPECT_EQ(reactor_->direct_descriptors(), 1U);
  Operation close{.code = OpCode::close, .tag = 7, .fd = Descriptor::direct(slot)};
  close.completion = &noted;
  reactor_->push(close);
  run_until([&] { return noted.results.size() == 3; });
  EXPECT_EQ(noted.results[2], (std::pair<unsigned, std::int32_t>{7, 0}));
  EXPECT_EQ(reactor_->direct_descriptors(), 0U);
  EXPECT_EQ(pair.client.read_to_end(), "");
}

TEST_F(ReactorTest, CancelAllEndsEveryOperationOfASocket) {
  open();
  TcpPair pair = tcp_pair(4096);
  TcpPair other = tcp_pair();
  Noted noted;
  std::string bytes(4 << 20, 'x');
  const auto push = [&](OpCode code, std::uint8_t tag, int fd) {
    Operation operation{.code = code, .tag = tag, .fd = Descriptor::ordinary(fd)};
    operation.data = bytes.data();
    operation.size = code == OpCode::poll ? POLLRDHUP : static_cast<std::uint32_t>(bytes.size());
    operation.completion = &noted;
    reactor_->push(operation);
  };
  push(OpCode::send, 1, pair.server);
  push(OpCode::poll, 2, pair.server);
  push(OpCode::poll, 3, other.server);
  for (int i = 0; i < 5; ++i) reactor_->turn(false);
  EXPECT_TRUE(noted.results.empty());
  reactor_->push({.code = OpCode::cancel_all, .fd = Descriptor::ordinary(pair.server)});
  run_until([&] { return noted.results.size() == 2; });
  for (const auto& [tag, result] : noted.results) {
    EXPECT_NE(tag, 3U);
    if (tag == 2) EXPECT_EQ(result, -ECANCELED);
  }
  other.client.close();
  run_until([&] { return noted.results.size() == 3; });
  EXPECT_GT(noted.results[2].second, 0);
  ::close(pair.server);
  ::close(other.server);
}

struct Ping : Message {
  explicit Ping(std::vector<int>& to, int value) : Message(arrive), out(to), number(value) {}
  static void arrive(Message& message) {
    auto& self = static_cast<Ping&>(message);
    self.out.push_back(self.number);
  }
  std::vector<int>& out;
  int number;
};

TEST_F(ReactorTest, Posted_mt_FromForeignThreadsArriveInOrderAndWakeTheSleeper) {
  open();
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::vector<std::vector<int>> arrived(kThreads);
  std::vector<std::unique_ptr<Ping>> messages;
  for (int thread = 0; thread < kThreads; ++thread) {
    for (int i = 0; i < kEach; ++i) {
      messages.push_back(std::make_unique<Ping>(arrived[static_cast<std::size_t>(thread)], i));
    }
  }
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        reactor_->post(*messages[static_cast<std::size_t>(thread * kEach + i)]);
        if (i % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  const auto all = [&] {
    return std::ranges::all_of(arrived, [](const auto& list) { return list.size() == kEach; });
  };
  while (!all()) reactor_->turn(true);  // waits without limit: only a wake can end it
  for (std::thread& thread : threads) thread.join();
  for (const auto& list : arrived) EXPECT_TRUE(std::ranges::is_sorted(list));
}

Task<void> sleep_once(Scope* scope, std::int64_t ns, bool* done) {
  co_await scope->sleep(ns);
  *done = true;
}

TEST_F(ReactorTest, TimersEndTheWait) {
  open();
  Scope scope(*reactor_);
  bool done = false;
  const std::int64_t begin = reactor_->now_ns();
  scope.spawn(sleep_once(&scope, 40 * kMs, &done));
  int turns = 0;
  while (!done) {
    reactor_->turn(true);
    ++turns;
  }
  const std::int64_t took = reactor_->driver().now_ns() - begin;
  EXPECT_GE(took, 40 * kMs);
  EXPECT_LT(took, 4000 * kMs);
  EXPECT_LT(turns, 20) << "it span instead of waiting";
}

TEST(UringDriver, MoreDirectDescriptorsThanAllowedAreCutToTheLimit) {
  const auto driver = UringDriver::create({.entries = 8, .direct_descriptors = 1U << 30});
  ASSERT_TRUE(driver);
  EXPECT_GT((*driver)->counters().direct_descriptors_max, 0U);
  EXPECT_LE((*driver)->counters().direct_descriptors_max, 1U << 20);
}

}  // namespace
}  // namespace ringcast
