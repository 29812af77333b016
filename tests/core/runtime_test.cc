#include "core/runtime.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

namespace ringcast {
namespace {

TEST(Runtime, ParsesCores) {
  EXPECT_EQ(*parse_cores(""), std::vector<unsigned>{});
  EXPECT_EQ(*parse_cores("0"), (std::vector<unsigned>{0}));
  EXPECT_EQ(*parse_cores("0,2-4,9"), (std::vector<unsigned>{0, 2, 3, 4, 9}));
  EXPECT_EQ(*parse_cores("3-3"), (std::vector<unsigned>{3}));
  for (const std::string_view bad : {",", "0,", ",0", "a", "0-", "-1", "2-1", "0 ,1", "0--1",
                                     "0-1-2", "1024", "99999999999", "0;1", "1.5", "0x1"}) {
    const auto cores = parse_cores(bad);
    ASSERT_FALSE(cores) << bad;
    EXPECT_EQ(cores.error().code, "bad_cores");
    EXPECT_NE(cores.error().message.find(bad), std::string::npos);
  }
}

TEST(Runtime, CoresThatAreNotThere) {
  const auto runtime = Runtime::create({.cores = {0, 1023}, .uring = {}});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, "core_unavailable");
  EXPECT_NE(runtime.error().message.find("1023"), std::string::npos);
}

TEST(Runtime, CoresNamedTwice) {
  const auto runtime = Runtime::create({.cores = {0, 0}, .uring = {}});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, "core_repeated");
}

TEST(Runtime, EmptyMeansEveryCoreOfTheProcess) {
  const auto runtime = Runtime::create({});
  ASSERT_TRUE(runtime);
  cpu_set_t allowed;
  sched_getaffinity(0, sizeof allowed, &allowed);
  EXPECT_EQ((*runtime)->cores(), static_cast<std::size_t>(CPU_COUNT(&allowed)));
}

// run() pins its caller too, so it gets a thread of its own.
template <class Call>
void on_own_thread(Call call) {
  std::thread thread(call);
  thread.join();
}

TEST(Runtime, TwoCores_mt_ArePinnedAndConnected) {
  auto runtime = Runtime::create({.cores = {0, 1}, .uring = {.entries = 64, .recv_buffers = 4}});
  ASSERT_TRUE(runtime) << runtime.error().message;
  std::atomic<int> set_up{0};
  std::atomic<int> finished{0};
  int cpus[2] = {-1, -1};
  Reactor* reactors[2] = {};
  on_own_thread([&] {
    const auto ran = (*runtime)->run(
        [&](Reactor& reactor) {
          reactors[reactor.core()] = &reactor;
          cpus[reactor.core()] = sched_getcpu();
          cpu_set_t mine;
          sched_getaffinity(0, sizeof mine, &mine);
          EXPECT_EQ(CPU_COUNT(&mine), 1);
          if (++set_up == 2) (*runtime)->stop();
        },
        [&](Reactor&) { ++finished; });
    EXPECT_TRUE(ran);
  });
  EXPECT_EQ(cpus[0], 0);
  EXPECT_EQ(cpus[1], 1);
  EXPECT_NE(reactors[0], reactors[1]);
  EXPECT_EQ(finished, 2);
}

TEST(Runtime, Stop_mt_FromAForeignThreadWakesSleepingCores) {
  auto runtime = Runtime::create({.cores = {0, 1}, .uring = {.entries = 64, .recv_buffers = 4}});
  ASSERT_TRUE(runtime);
  std::atomic<int> set_up{0};
  on_own_thread([&] {
    std::thread stopper([&] {
      while (set_up < 2) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      (*runtime)->stop();
      (*runtime)->stop();  // twice is once
    });
    EXPECT_TRUE((*runtime)->run([&](Reactor&) { ++set_up; }));
    stopper.join();
  });
}

TEST(Runtime, StopBeforeRun_mt_IsNotForgotten) {
  auto runtime = Runtime::create({.cores = {0, 1}, .uring = {.entries = 64, .recv_buffers = 4}});
  ASSERT_TRUE(runtime);
  (*runtime)->stop();
  on_own_thread([&] { EXPECT_TRUE((*runtime)->run([](Reactor&) {})); });
  (*runtime)->stop();  // nobody is there
}

TEST(Runtime, Stop_mt_MayStillBeUnderWayWhenTheCoresAreDone) {
  for (int round = 0; round < 50; ++round) {
    auto runtime = Runtime::create({.cores = {0, 1}, .uring = {.entries = 8, .recv_buffers = 1}});
    ASSERT_TRUE(runtime);
    on_own_thread([&] {
      std::vector<std::thread> stoppers;
      EXPECT_TRUE((*runtime)->run([&](Reactor& reactor) {
        if (reactor.core() != 0) return;
        for (int i = 0; i < 3; ++i) stoppers.emplace_back([&] { (*runtime)->stop(); });
      }));
      for (std::thread& stopper : stoppers) stopper.join();
    });
  }
}

TEST(Runtime, ACoreThatCannotStart_mt_StopsAll) {
#if __has_feature(undefined_behavior_sanitizer)
  GTEST_SKIP() << "its checks of types need descriptors themselves";
#endif
  auto runtime = Runtime::create({.cores = {0, 1}, .uring = {.entries = 64}});
  ASSERT_TRUE(runtime);
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);  // no descriptor is left for a ring
  bool ran_main = false;
  Result<void> ran;
  on_own_thread([&] { ran = (*runtime)->run([&](Reactor&) { ran_main = true; }); });
  setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_FALSE(ran);
  EXPECT_EQ(ran.error().code, "io_uring_setup");
  EXPECT_FALSE(ran_main);
}

}  // namespace
}  // namespace ringcast
