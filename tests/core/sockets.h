// Real sockets for tests: pairs over loopback TCP, and a client that reads with a time limit.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>
#include <utility>

#include "core/check.h"

namespace ringcast {

// The client's end of a connection. Fails the test instead of waiting longer than kPatienceMs.
class Client {
 public:
  static constexpr int kPatienceMs = 10'000;

  explicit Client(int fd) : fd_(fd) {}
  Client(Client&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), unread_(std::move(other.unread_)) {}
  Client& operator=(Client&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(unread_, other.unread_);
    return *this;
  }
  ~Client() { close(); }

  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Ends with a reset instead of an orderly end.
  void reset() {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void send(std::string_view bytes) const {
    RINGCAST_CHECK(::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
                   static_cast<ssize_t>(bytes.size()));
  }

  // Exactly so many bytes, or what came before the end or the time limit.
  std::string read(std::size_t size) {
    while (unread_.size() < size && fill()) {
    }
    return take(std::min(size, unread_.size()));
  }
  // Up to and with `mark`.
  std::string read_through(std::string_view mark) {
    std::size_t at = 0;
    while ((at = unread_.find(mark)) == std::string::npos) {
      if (!fill()) {
        ADD_FAILURE() << "`" << mark << "` did not come; there is `" << unread_ << "`";
        return take(unread_.size());
      }
    }
    return take(at + mark.size());
  }
  std::string read_block() { return read_through("\n\n"); }
  std::string read_to_end() {
    while (fill()) {
    }
    EXPECT_TRUE(ended_) << "no orderly end";
    return take(unread_.size());
  }
  // Nothing came within the time.
  bool quiet(int ms) {
    if (!unread_.empty()) return false;
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, ms) == 0;
  }

 private:
  bool fill() {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, kPatienceMs) <= 0) return false;
    char buffer[16 << 10];
    const ssize_t got = recv(fd_, buffer, sizeof buffer, 0);
    ended_ = got == 0;
    if (got <= 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(got));
    return true;
  }
  std::string take(std::size_t size) {
    std::string taken = unread_.substr(0, size);
    unread_.erase(0, size);
    return taken;
  }

  int fd_;
  bool ended_ = false;
  std::string unread_;
};

struct TcpPair {
  int server = -1;  // whose takes it closes it
  Client client{-1};
};

// Connected over loopback. `buffer_bytes` bounds what lies in between (0: the system's sizes).
inline TcpPair tcp_pair(int buffer_bytes = 0) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  RINGCAST_CHECK(bind(listener, generic, length) == 0 && listen(listener, 1) == 0);
  RINGCAST_CHECK(getsockname(listener, generic, &length) == 0);
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (buffer_bytes > 0) {
    setsockopt(client, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
  }
  RINGCAST_CHECK(connect(client, generic, length) == 0);
  const int server = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  RINGCAST_CHECK(server >= 0);
  if (buffer_bytes > 0) {
    setsockopt(server, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
  }
  ::close(listener);
  return {server, Client(client)};
}

}  // namespace ringcast
