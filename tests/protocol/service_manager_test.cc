#include "protocol/service_manager.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace ringcast {
namespace {

// What systemd has open: a datagram socket under a path, or under an abstract name (`@…`).
class ServiceManagerTest : public testing::Test {
 protected:
  ~ServiceManagerTest() override {
    unsetenv("NOTIFY_SOCKET");
    if (fd_ >= 0) close(fd_);
    if (path_.starts_with('/')) unlink(path_.c_str());
  }

  void listen(const std::string& path) {
    path_ = path;
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (path.starts_with('@')) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    ASSERT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }

  std::string told() const {
    char text[256];
    const ssize_t size = recv(fd_, text, sizeof(text), 0);
    return size < 0 ? "" : std::string(text, static_cast<size_t>(size));
  }

 private:
  int fd_ = -1;
  std::string path_;
};

TEST_F(ServiceManagerTest, IsToldUnderAPath) {
  listen("/tmp/ringcast-notify-" + std::to_string(getpid()));
  tell_ready();
  EXPECT_EQ(told(), "READY=1\nMAINPID=" + std::to_string(getpid()));
  EXPECT_EQ(told(), "");
}

TEST_F(ServiceManagerTest, IsToldUnderAnAbstractName) {
  listen("@ringcast-notify-" + std::to_string(getpid()));
  tell_stopping();
  EXPECT_EQ(told(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, AReloadHasATime) {
  listen("@ringcast-notify-" + std::to_string(getpid()));
  tell_reloading();
  const std::string text = told();
  const std::string begin = "RELOADING=1\nMONOTONIC_USEC=";
  ASSERT_TRUE(text.starts_with(begin)) << text;
  EXPECT_GT(std::stoll(text.substr(begin.size())), 0);
}

TEST_F(ServiceManagerTest, IsToldWhoGoesOn) {
  listen("@ringcast-notify-" + std::to_string(getpid()));
  tell_main_process(4711);
  EXPECT_EQ(told(), "MAINPID=4711");
}

// Nothing to see but that nothing happens: no message, no crash.
TEST_F(ServiceManagerTest, NobodyIsThereOrCannotBeTold) {
  listen("@ringcast-notify-" + std::to_string(getpid()));
  unsetenv("NOTIFY_SOCKET");
  tell_ready();
  for (const std::string& path :
       {std::string(), std::string("relative"), std::string("/nonexistent/notify"),
        "/" + std::string(200, 'x')}) {
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    tell_ready();
  }
  EXPECT_EQ(told(), "");
}

}  // namespace
}  // namespace ringcast
