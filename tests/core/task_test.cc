#include "core/task.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "core/frame_pool.h"
#include "core/reactor.h"
#include "tests/core/manual_driver.h"

namespace ringcast {
namespace {

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kPooled = false;  // sanitizers see every block
#else
constexpr bool kPooled = true;
#endif
#endif

struct Counted {
  explicit Counted(int& of) : alive(&of) { ++*alive; }
  Counted(const Counted& other) : alive(other.alive) { ++*alive; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --*alive; }
  int* alive;
};

class TaskTest : public testing::Test {
 protected:
  // Runs to the end, or to where it waits for ever.
  void run(Task<void> task) {
    reactor_.spawn(std::move(task));
    for (int turns = 0; turns < 1000 && reactor_.turn(false); ++turns) {
    }
  }
  Reactor reactor_{0, std::make_unique<ManualDriver>()};
};

Task<int> answer() { co_return 42; }
Task<std::unique_ptr<int>> boxed(int value) { co_return std::make_unique<int>(value); }
Task<std::string> text(std::string of) { co_return of + "!"; }

Task<void> values(std::vector<std::string>* out) {
  out->push_back(std::to_string(co_await answer()));
  std::unique_ptr<int> box = co_await boxed(7);
  out->push_back(std::to_string(*box));
  out->push_back(co_await text("hey"));
}

TEST_F(TaskTest, ValuesAndMoveOnlyValues) {
  std::vector<std::string> out;
  run(values(&out));
  EXPECT_EQ(out, (std::vector<std::string>{"42", "7", "hey!"}));
  EXPECT_EQ(reactor_.spawned(), 0U);
}

Task<void> note(bool* ran) {
  *ran = true;
  co_return;
}

TEST_F(TaskTest, Lazy) {
  bool ran = false;
  {
    const Task<void> never = note(&ran);
  }
  EXPECT_FALSE(ran);
  run(note(&ran));
  EXPECT_TRUE(ran);
}

Task<void> keep(Counted) { co_return; }

TEST_F(TaskTest, ParametersLiveAsLongAsTheFrame) {
  int alive = 0;
  {
    Task<void> task = keep(Counted(alive));
    EXPECT_EQ(alive, 1);
    Task<void> moved = std::move(task);
    EXPECT_EQ(alive, 1);
    moved = keep(Counted(alive));  // the first is destroyed
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
  run(keep(Counted(alive)));
  EXPECT_EQ(alive, 0);
}

Task<int> one() { co_return 1; }

Task<void> sum_many(int times, long* sum) {
  for (int i = 0; i < times; ++i) *sum += co_await one();
}

// A million awaits one after another use no stack, nor does a chain of tasks that await each other.
TEST_F(TaskTest, AMillionTransfersInARow) {
  long sum = 0;
  run(sum_many(1'000'000, &sum));
  EXPECT_EQ(sum, 1'000'000);
}

Task<int> depth(int left) {
  if (left == 0) co_return 0;
  co_return 1 + co_await depth(left - 1);
}

Task<void> start_depth(int levels, int* reached) { *reached = co_await depth(levels); }

TEST_F(TaskTest, AMillionLevelsDeep) {
#if defined(__OPTIMIZE__)
  // Symmetric transfer is a tail call only in optimised builds, and never under ASan's prologues.
  constexpr int kLevels = kPooled ? 1'000'000 : 1'000;
#else
  constexpr int kLevels = 1'000;
#endif
  int reached = 0;
  run(start_depth(kLevels, &reached));
  EXPECT_EQ(reached, kLevels);
}

struct Park {
  std::coroutine_handle<>* handle;
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> waiting) const { *handle = waiting; }
  void await_resume() const {}
};

Task<void> park(std::coroutine_handle<>* handle, int* steps) {
  ++*steps;
  co_await Park{handle};
  ++*steps;
}

TEST_F(TaskTest, ReadyResumesInTheNextTurn) {
  std::coroutine_handle<> handle;
  int steps = 0;
  run(park(&handle, &steps));
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(reactor_.spawned(), 1U);
  reactor_.ready(handle);
  EXPECT_EQ(steps, 1);
  reactor_.turn(false);
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(reactor_.spawned(), 0U);
}

TEST_F(TaskTest, FramesComeFromThePoolOnceWarm) {
  if (!kPooled) GTEST_SKIP() << "sanitizers see every block";
  std::vector<std::string> out;
  out.reserve(3);
  run(values(&out));
  const std::uint64_t warm = FramePool::misses();
  for (int i = 0; i < 100; ++i) {
    out.clear();
    run(values(&out));
  }
  EXPECT_EQ(FramePool::misses(), warm);
}

TEST(FramePool, BlocksOfEverySizeAreWritableAndDistinct) {
  std::vector<std::pair<char*, std::size_t>> blocks;
  for (std::size_t size = 1; size <= 4096; size += 37) {
    auto* block = static_cast<char*>(FramePool::allocate(size));
    std::fill_n(block, size, static_cast<char>(size));
    blocks.emplace_back(block, size);
  }
  for (const auto& [block, size] : blocks) {
    EXPECT_EQ(std::count(block, block + size, static_cast<char>(size)),
              static_cast<std::ptrdiff_t>(size));
    FramePool::release(block, size);
  }
}

TEST(FramePool, ReusesBlocksOfTheSameClassOnly) {
  if (!kPooled) GTEST_SKIP() << "sanitizers see every block";
  void* const small = FramePool::allocate(100);
  FramePool::release(small, 100);
  const std::uint64_t before = FramePool::misses();
  void* const same = FramePool::allocate(128);  // 65 to 128 bytes are one class
  EXPECT_EQ(same, small);
  EXPECT_EQ(FramePool::misses(), before);
  FramePool::release(same, 128);
  void* const large = FramePool::allocate(5000);
  EXPECT_EQ(FramePool::misses(), before + 1);
  FramePool::release(large, 5000);
}

}  // namespace
}  // namespace ringcast
