// Listening sockets that somebody else opened, and those that are new.
#include "net/listener_set.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/listener.h"

namespace ringcast {
namespace {

SocketAddress address_of(std::string_view text) { return *parse_address(text); }

InheritedSocket opened(bool shared, std::string_view text = "127.0.0.1:0") {
  SocketAddress address = address_of(text);
  const auto fd = open_listener(address, shared);
  EXPECT_TRUE(fd);
  return {*fd, address};
}

void close_all(ListenerSet& set, std::size_t cores) {
  for (std::size_t core = 0; core < cores; ++core) {
    for (const CoreListener& each : set.take(core)) ::close(each.fd);
  }
}

TEST(ListenerSet, FittingAddresses) {
  EXPECT_TRUE(fits(address_of("127.0.0.1:80"), address_of("127.0.0.1:80")));
  EXPECT_TRUE(fits(address_of("127.0.0.1:0"), address_of("127.0.0.1:80")));
  EXPECT_FALSE(fits(address_of("127.0.0.1:80"), address_of("127.0.0.1:81")));
  EXPECT_FALSE(fits(address_of("127.0.0.1:80"), address_of("127.0.0.2:80")));
  EXPECT_FALSE(fits(address_of("127.0.0.1:80"), address_of("[::1]:80")));
  EXPECT_TRUE(fits(address_of("[::1]:80"), address_of("[::1]:80")));
}

TEST(ListenerSet, WhatNobodyOpenedIsNew) {
  ListenerSet set(2);
  std::vector<InheritedSocket> none;
  const auto address = set.open(address_of("127.0.0.1:0"), none);
  ASSERT_TRUE(address) << address.error().message;
  EXPECT_NE(port_of(*address), 0);
  EXPECT_EQ(set.all().size(), 2U);
  close_all(set, 2);
}

TEST(ListenerSet, OneSocketIsSharedByAllCores) {
  ListenerSet set(3);
  std::vector<InheritedSocket> inherited{opened(false), opened(false)};
  const SocketAddress wanted = inherited[1].address;
  ASSERT_TRUE(set.open(wanted, inherited));
  EXPECT_GE(inherited[0].fd, 0);
  EXPECT_EQ(inherited[1].fd, -1);
  EXPECT_EQ(set.all().size(), 3U);
  for (std::size_t core = 0; core < 3; ++core) {
    const auto sockets = set.take(core);
    ASSERT_EQ(sockets.size(), 1U);
    const auto listens = listening_address(sockets[0].fd);
    ASSERT_TRUE(listens);
    EXPECT_EQ(port_of(*listens), port_of(wanted));
    ::close(sockets[0].fd);
  }
  ::close(inherited[0].fd);
}

TEST(ListenerSet, MoreSocketsThanCoresAllStay) {
  ListenerSet set(1);
  std::vector<InheritedSocket> inherited{opened(true)};
  inherited.push_back(opened(true, address_text(inherited[0].address)));
  ASSERT_TRUE(set.open(inherited[0].address, inherited));
  EXPECT_EQ(set.all().size(), 2U);
  const auto sockets = set.take(0);
  EXPECT_EQ(sockets.size(), 2U);
  for (const CoreListener& each : sockets) ::close(each.fd);
}

TEST(ListenerSet, EachKnowsWhichAddressItIsOf) {
  ListenerSet set(2);
  std::vector<InheritedSocket> none;
  ASSERT_TRUE(set.open(address_of("127.0.0.1:0"), none));
  ASSERT_TRUE(set.open(address_of("[::1]:0"), none));
  for (std::size_t core = 0; core < 2; ++core) {
    const auto sockets = set.take(core);
    ASSERT_EQ(sockets.size(), 2U);
    for (std::size_t n = 0; n < 2; ++n) {
      EXPECT_EQ(sockets[n].which, n);
      EXPECT_EQ(listening_address(sockets[n].fd)->storage.ss_family, n == 0 ? AF_INET : AF_INET6);
      ::close(sockets[n].fd);
    }
  }
}

TEST(ListenerSet, AUnixSocketGoesOnWithItsFile) {
  const std::string path = "/tmp/ringcast-set-" + std::to_string(getpid());
  const auto wanted = parse_unix_address("unix:" + path);
  ASSERT_TRUE(wanted);
  std::vector<InheritedSocket> given;
  {
    ListenerSet first(2);
    ASSERT_TRUE(first.open(*wanted, given, 0600));
    EXPECT_EQ(first.all().size(), 2U);
    // What a successor gets is another descriptor of the same socket.
    given.push_back({dup(first.all()[0].fd), *listening_address(first.all()[0].fd)});
    const int kept[] = {first.all()[0].fd, first.all()[1].fd};
    first.leave_files(kept);
    close_all(first, 2);
  }
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
  {
    ListenerSet second(2);
    ASSERT_TRUE(second.open(*wanted, given, 0640));
    EXPECT_EQ(given[0].fd, -1);
    struct stat file{};
    EXPECT_EQ(stat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777U, 0640U) << "the mode is the successor's";
    EXPECT_EQ(second.all().size(), 2U);
    close_all(second, 2);
  }
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "who has it in the end removes it";
}

TEST(ListenerSet, AUnixSocketOfTheServiceManagerKeepsItsMode) {
  const std::string path = "/tmp/ringcast-managed-" + std::to_string(getpid());
  const auto wanted = parse_unix_address("unix:" + path);
  ASSERT_TRUE(wanted);
  auto made = open_unix_listener(*wanted, 0600, 1);
  ASSERT_TRUE(made);
  const int fd = made->descriptors[0];
  std::vector<InheritedSocket> given{{fd, *listening_address(fd), true}};
  ListenerSet set(1);
  ASSERT_TRUE(set.open(*wanted, given, 0666));
  struct stat file{};
  EXPECT_EQ(stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777U, 0600U);
  close_all(set, 1);
}

TEST(ListenerSet, WhatDoesNotListenIsNone) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(listening_address(fd).error().code, "not_listening");
  ::close(fd);
  EXPECT_EQ(listening_address(fd).error().code, "not_listening");
}

}  // namespace
}  // namespace ringcast
