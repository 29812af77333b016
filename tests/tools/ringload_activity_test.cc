#include "tools/ringload/activity.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace ringcast::load {
namespace {

TEST(RingloadActivity, CountsWhatThreadsAndProcessesDo) {
  const Activity before = Activity::now({getpid()});
  std::thread other([] {
    for (int n = 0; n < 20; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::ifstream zero("/dev/zero");
    char byte = 0;
    for (int n = 0; n < 3; ++n) zero.read(&byte, 1);
    pause();  // is interrupted below, so that the thread lives while it is looked at
  });
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGUSR1, &action, nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  const Activity after = Activity::now({getpid()});
  pthread_kill(other.native_handle(), SIGUSR1);
  other.join();
  const auto counts = after.since(before);
  ASSERT_TRUE(counts.switches && counts.involuntary);
  EXPECT_GE(*counts.switches, 20U);
  EXPECT_LE(*counts.involuntary, *counts.switches);
  ASSERT_TRUE(counts.io_calls);
  EXPECT_GE(*counts.io_calls, 1U);

  // The thread is gone: what it did is not taken from what others do.
  const auto later = Activity::now({getpid()}).since(after);
  ASSERT_TRUE(later.switches);
  EXPECT_LT(*later.switches, 1'000'000U);
}

TEST(RingloadActivity, KnowsNothingOfWhatIsNotThere) {
  const auto nobody = Activity::now({}).since(Activity::now({}));
  EXPECT_FALSE(nobody.switches || nobody.involuntary || nobody.io_calls);

  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  const Activity before = Activity::now({child});
  EXPECT_TRUE(before.since(before).switches);
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  const auto counts = Activity::now({child}).since(before);
  EXPECT_FALSE(counts.switches || counts.involuntary || counts.io_calls);
  // Beside one that lives, the other counts nothing.
  const Activity both = Activity::now({getpid(), child});
  EXPECT_TRUE(both.since(before).switches);
}

}  // namespace
}  // namespace ringcast::load
