#include "core/scope.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/socket.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

constexpr std::int64_t kMs = 1'000'000;

// A reactor on a kernel that does only what the test says.
class ScopeTest : public testing::Test {
 protected:
  ScopeTest() {
    auto driver = std::make_unique<ManualDriver>();
    driver_ = driver.get();
    reactor_ = std::make_unique<Reactor>(0, std::move(driver));
  }
  void turns(int count = 5) {
    while (count-- > 0) reactor_->turn(false);
  }
  void pass(std::int64_t ns) {
    driver_->clock_ns += ns;
    turns();
  }
  Socket socket(Scope& scope) { return {scope, Descriptor::ordinary(9)}; }

  ManualDriver* driver_ = nullptr;
  std::unique_ptr<Reactor> reactor_;
};

Task<void> nap(Scope* scope, std::int64_t ns, std::vector<int>* out, int mark) {
  const bool whole = co_await scope->sleep(ns);
  out->push_back(whole ? mark : -mark);
}

Task<void> wait_for(Scope* scope, bool* joined) {
  co_await scope->join();
  *joined = true;
}

Task<void> do_send(Socket socket, std::int64_t by, std::int32_t* result) {
  *result = co_await socket.send("hello", by);
}

Task<void> do_receive(Socket socket, std::int64_t by, std::int32_t* result) {
  const Received received = co_await socket.receive(by);
  *result = received.result();
}

TEST_F(ScopeTest, SleepersWakeInTheirOrderNotEarlier) {
  Scope scope(*reactor_);
  std::vector<int> out;
  scope.spawn(nap(&scope, 30 * kMs, &out, 3));
  scope.spawn(nap(&scope, 10 * kMs, &out, 1));
  scope.spawn(nap(&scope, 20 * kMs, &out, 2));
  pass(10 * kMs - 1);
  EXPECT_TRUE(out.empty());
  pass(1 + kMs);
  EXPECT_EQ(out, (std::vector<int>{1}));
  pass(30 * kMs);
  EXPECT_EQ(out, (std::vector<int>{1, 2, 3}));
}

TEST_F(ScopeTest, JoinWaitsForAllAndNoLonger) {
  Scope scope(*reactor_);
  std::vector<int> out;
  bool joined = false;
  scope.spawn(nap(&scope, 10 * kMs, &out, 1));
  scope.spawn(nap(&scope, 20 * kMs, &out, 2));
  reactor_->spawn(wait_for(&scope, &joined));
  pass(12 * kMs);
  EXPECT_FALSE(joined);
  pass(12 * kMs);
  EXPECT_TRUE(joined);
  EXPECT_EQ(reactor_->spawned(), 0U);
}

TEST_F(ScopeTest, JoinOfAnEmptyScopeIsReady) {
  Scope scope(*reactor_);
  bool joined = false;
  reactor_->spawn(wait_for(&scope, &joined));
  EXPECT_TRUE(joined);
}

TEST_F(ScopeTest, CancelEndsSleeps) {
  Scope scope(*reactor_);
  std::vector<int> out;
  bool joined = false;
  scope.spawn(nap(&scope, 1000 * kMs, &out, 1));
  reactor_->spawn(wait_for(&scope, &joined));
  scope.cancel();
  EXPECT_TRUE(out.empty()) << "nobody is resumed inside cancel()";
  turns();
  EXPECT_EQ(out, (std::vector<int>{-1}));
  EXPECT_TRUE(joined);
  EXPECT_LT(reactor_->timers().next_deadline_ns(), 0);
}

TEST_F(ScopeTest, AfterCancelNothingStarts) {
  Scope scope(*reactor_);
  scope.cancel();
  EXPECT_TRUE(scope.cancelled());
  std::vector<int> out;
  std::int32_t sent = 0;
  std::int32_t received = 0;
  scope.spawn(nap(&scope, 1000 * kMs, &out, 1));
  scope.spawn(do_send(socket(scope), -1, &sent));
  scope.spawn(do_receive(socket(scope), -1, &received));
  EXPECT_EQ(out, (std::vector<int>{-1}));
  EXPECT_EQ(sent, -ECANCELED);
  EXPECT_EQ(received, -ECANCELED);
  EXPECT_TRUE(driver_->operations.empty());
}

TEST_F(ScopeTest, CancelAsksTheKernelAndAwaitsTheLastCompletion) {
  Scope scope(*reactor_);
  std::int32_t sent = 1;
  std::int32_t received = 1;
  bool joined = false;
  scope.spawn(do_send(socket(scope), -1, &sent));
  scope.spawn(do_receive(socket(scope), -1, &received));
  reactor_->spawn(wait_for(&scope, &joined));
  scope.cancel();
  turns();
  EXPECT_EQ(std::ranges::count(driver_->operations, OpCode::cancel, &Operation::code), 2);
  EXPECT_FALSE(joined) << "the kernel still has both operations";
  ASSERT_TRUE(driver_->complete(OpCode::recv_provided, -ECANCELED));
  turns();
  EXPECT_EQ(received, -ECANCELED);
  EXPECT_FALSE(joined);
  ASSERT_TRUE(driver_->complete(OpCode::send, 5));  // was faster than the cancel
  turns();
  EXPECT_EQ(sent, 5);
  EXPECT_TRUE(joined);
}

TEST_F(ScopeTest, DeadlineEndsAnOperation) {
  Scope scope(*reactor_);
  std::int32_t sent = 1;
  scope.spawn(do_send(socket(scope), reactor_->now_ns() + 10 * kMs, &sent));
  pass(9 * kMs);
  EXPECT_FALSE(driver_->has(OpCode::cancel));
  pass(2 * kMs);
  ASSERT_TRUE(driver_->has(OpCode::cancel));
  EXPECT_EQ(sent, 1);
  driver_->complete(OpCode::send, -ECANCELED);
  turns();
  EXPECT_EQ(sent, -ETIMEDOUT);
}

TEST_F(ScopeTest, AResultThatBeatsTheDeadlineCounts) {
  Scope scope(*reactor_);
  std::int32_t sent = 1;
  scope.spawn(do_send(socket(scope), reactor_->now_ns() + 10 * kMs, &sent));
  pass(12 * kMs);
  driver_->complete(OpCode::send, 5);
  turns();
  EXPECT_EQ(sent, 5);
}

TEST_F(ScopeTest, AReceiveWithoutABufferStillEndsAtItsDeadline) {
  Scope scope(*reactor_);
  std::int32_t received = 1;
  scope.spawn(do_receive(socket(scope), reactor_->now_ns() + 10 * kMs, &received));
  pass(12 * kMs);  // the cancel is on its way
  driver_->complete(OpCode::recv_provided, -ENOBUFS);
  turns();
  EXPECT_EQ(received, -ETIMEDOUT);
  EXPECT_FALSE(driver_->has(OpCode::recv_provided));
}

TEST_F(ScopeTest, AReceiveWithoutABufferIsCancelled) {
  Scope scope(*reactor_);
  std::int32_t received = 1;
  scope.spawn(do_receive(socket(scope), -1, &received));
  turns();
  scope.cancel();
  driver_->complete(OpCode::recv_provided, -ENOBUFS);
  turns();
  EXPECT_EQ(received, -ECANCELED);
}

Task<void> family(Scope* scope, std::vector<int>* out) {
  scope->spawn(nap(scope, 5 * kMs, out, 2));
  out->push_back(1);
  co_return;
}

TEST_F(ScopeTest, ChildrenMaySpawnChildren) {
  Scope scope(*reactor_);
  std::vector<int> out;
  bool joined = false;
  scope.spawn(nap(&scope, 1 * kMs, &out, 9));
  scope.spawn(family(&scope, &out));
  reactor_->spawn(wait_for(&scope, &joined));
  EXPECT_FALSE(joined);
  pass(10 * kMs);
  EXPECT_TRUE(joined);
  EXPECT_EQ(out, (std::vector<int>{1, 9, 2}));
}

Task<void> close_it(Socket socket, bool* closed) {
  co_await socket.close();
  *closed = true;
}

TEST_F(ScopeTest, CloseHappensAlsoWhenCancelled) {
  Scope scope(*reactor_);
  scope.cancel();
  bool closed = false;
  reactor_->spawn(close_it(socket(scope), &closed));
  turns();
  EXPECT_FALSE(closed);
  ASSERT_TRUE(driver_->complete(OpCode::close, 0));
  turns();
  EXPECT_TRUE(closed);
}

// --- turns ---

TEST_F(ScopeTest, TimesOfMessagesCountFromWhenTheyAreTaken) {
  struct Note : Message {
    explicit Note(Reactor& of) : Message(run), reactor(of) {}
    static void run(Message& message) {
      auto& self = static_cast<Note&>(message);
      self.taken_ns = self.reactor.now_ns();
    }
    Reactor& reactor;
    std::int64_t taken_ns = 0;
  };
  Note note(*reactor_);
  // The turn before took long, and the message was sent meanwhile.
  driver_->clock_ns += 7'000'000;
  const std::int64_t sent_ns = driver_->clock_ns;
  reactor_->post(note);
  reactor_->turn(false);
  EXPECT_GE(note.taken_ns, sent_ns);
}

TEST_F(ScopeTest, NextTurnComesAfterTheCompletionsOfThisOne) {
  std::string order;
  const auto slices = [&](std::string_view name) -> Task<void> {
    for (int n = 0; n < 3; ++n) {
      order += name;
      co_await NextTurn{*reactor_};
    }
  };
  reactor_->spawn(slices("a"));
  reactor_->spawn(slices("b"));
  while (reactor_->turn(false)) {
  }
  EXPECT_EQ(order, "ababab");
  EXPECT_EQ(reactor_->spawned(), 0U);
}

TEST_F(ScopeTest, CountsHowLongATurnTook) {
  const auto above = [this] {
    const auto& seconds = reactor_->turn_seconds();
    std::uint64_t count = 0;
    for (std::size_t bucket = 0; bucket <= Reactor::kTurnBounds; ++bucket) {
      if (bucket == Reactor::kTurnBounds || seconds.bounds()[bucket] >= 5e-3) {
        count += seconds.count(bucket);
      }
    }
    return count;
  };
  const auto work = [](ManualDriver* driver) -> Task<void> {
    driver->clock_ns += 4'000'000;
    co_return;
  };
  struct Job : Message {
    Job() : Message([](Message& message) { static_cast<Job&>(message).run(); }) {}
    std::function<void()> run;
  } job;
  job.run = [&] { reactor_->spawn(work(driver_)); };
  const std::uint64_t before = above();
  reactor_->turn(false);
  EXPECT_EQ(above(), before);
  reactor_->post(job);
  reactor_->turn(false);
  EXPECT_EQ(above(), before + 1);
}

}  // namespace
}  // namespace ringcast
