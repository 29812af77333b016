// Two processes of one machine, here two ends of one.
#include "net/unix_channel.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

namespace ringcast {
namespace {

struct Ends {
  explicit Ends(int stop = -1) {
    int fds[2] = {};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    one = std::make_unique<UnixChannel>(fds[0], stop);
    other = std::make_unique<UnixChannel>(fds[1], -1);
    one->set_deadline_in_ms(5000);
    other->set_deadline_in_ms(5000);
  }
  std::unique_ptr<UnixChannel> one;
  std::unique_ptr<UnixChannel> other;
};

std::string folder() {
  char name[] = "/tmp/unix_channel_test_XXXXXX";
  return mkdtemp(name);
}

TEST(UnixChannel, FramesArriveWholeAndInOrder) {
  Ends ends;
  const std::string large(5 << 20, 'x');
  std::thread sender([&] {
    EXPECT_TRUE(ends.one->send(1, "first"));
    EXPECT_TRUE(ends.one->send(2, large));
    EXPECT_TRUE(ends.one->send(3, {}));
  });
  UnixChannel::Frame frame;
  ASSERT_TRUE(ends.other->receive(frame, 100));
  EXPECT_EQ(frame.type, 1U);
  EXPECT_EQ(frame.bytes, "first");
  ASSERT_TRUE(ends.other->receive(frame, large.size()));
  EXPECT_EQ(frame.bytes, large);
  ASSERT_TRUE(ends.other->receive(frame, 0));
  EXPECT_EQ(frame.type, 3U);
  EXPECT_TRUE(frame.bytes.empty());
  sender.join();
}

TEST(UnixChannel, DescriptorsGoAlong) {
  Ends ends;
  int ends_of_pipe[2] = {};
  ASSERT_EQ(pipe(ends_of_pipe), 0);
  const std::vector<int> some(UnixChannel::kMostDescriptors, ends_of_pipe[1]);
  ASSERT_TRUE(ends.one->send(1, "with them", some));
  UnixChannel::Frame frame;
  ASSERT_TRUE(ends.other->receive(frame, 100));
  ASSERT_EQ(frame.descriptors.size(), some.size());
  EXPECT_EQ(write(frame.descriptors.back(), "!", 1), 1);
  char got = 0;
  EXPECT_EQ(read(ends_of_pipe[0], &got, 1), 1);
  EXPECT_EQ(got, '!');
  for (const int fd : frame.descriptors) close(fd);
  for (const int fd : ends_of_pipe) close(fd);
}

TEST(UnixChannel, ErrorsSayWhatHappened) {
  UnixChannel::Frame frame;
  {
    Ends ends;
    ends.one->set_deadline_in_ms(20);
    EXPECT_EQ(ends.one->receive(frame, 10).error().code, "timeout");
  }
  {
    Ends ends;
    ASSERT_TRUE(ends.other->send(1, "too much"));
    EXPECT_EQ(ends.one->receive(frame, 7).error().code, "too_large");
  }
  {
    Ends ends;
    ends.other.reset();
    EXPECT_EQ(ends.one->receive(frame, 10).error().code, "closed");
    EXPECT_EQ(ends.one->send(1, "x").error().code, "closed");
  }
  const int stop = eventfd(1, EFD_CLOEXEC);
  {
    Ends ends(stop);
    EXPECT_EQ(ends.one->receive(frame, 10).error().code, "stopped");
  }
  close(stop);
}

TEST(UnixChannel, OnePathHasOneListener) {
  const std::string path = folder() + "/s";
  EXPECT_EQ(UnixChannel::connect(path).error().code, "nobody_there");
  auto first = listen_on_path(path, false);
  ASSERT_TRUE(first) << first.error().message;
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_TRUE(UnixChannel::connect(path));
  EXPECT_EQ(listen_on_path(path, false).error().code, "address_in_use");
  auto second = listen_on_path(path, true);
  ASSERT_TRUE(second);
  close(*first);
  EXPECT_TRUE(UnixChannel::connect(path));
  close(*second);
  // What a process left behind that was killed is nobody's.
  EXPECT_EQ(UnixChannel::connect(path).error().code, "nobody_there");
  auto third = listen_on_path(path, false);
  ASSERT_TRUE(third);
  auto channel = UnixChannel::connect(path);
  ASSERT_TRUE(channel);
  const auto peer = channel->peer();
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, getpid());
  EXPECT_EQ(peer->uid, geteuid());
  close(*third);
  unlink(path.c_str());
  EXPECT_EQ(listen_on_path("/nowhere/s", false).error().code, "listen_failed");
}

}  // namespace
}  // namespace ringcast
