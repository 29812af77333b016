#include "net/tcp_server.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "core/socket.h"
#include "net/http_server.h"
#include "net/listener.h"

namespace ringcast {
namespace {

Task<void> echo(Socket socket) {
  for (;;) {
    const Received received = co_await socket.receive();
    if (received.result() <= 0) co_return;
    if (co_await socket.send(received.bytes()) < received.result()) co_return;
  }
}

Task<void> say_later(Socket socket) {
  co_await socket.scope().sleep(50'000'000);
  co_await socket.send("from the scope");
}

// Returns at once; what it left in the scope goes on.
Task<void> leave_to_scope(Socket socket) {
  socket.scope().spawn(say_later(socket));
  co_return;
}

Task<void> hello(HttpExchange& exchange) {
  exchange.respond(200, "text/plain", "hello");
  co_return;
}

// A server in a process of its own, since a signal ends it.
class ServerProcess {
 public:
  template <class Serve>
  explicit ServerProcess(Serve serve) {
    auto address = parse_address("127.0.0.1:0");
    const int probe = *open_listener(*address, false);
    address_ = *address;
    ::close(probe);
    pid_ = fork();
    if (pid_ == 0) {
      const auto served = serve(address_text(address_));
      _exit(served ? 0 : 1);
    }
  }
  ~ServerProcess() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }

  const SocketAddress& address() const { return address_; }

  int connect() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    for (int tries = 0; tries < 500; ++tries) {
      if (::connect(fd, address_.get(), address_.length) == 0) return fd;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "nobody listens";
    return fd;
  }

  // How it ended after SIGTERM.
  int terminate() {
    kill(pid_, SIGTERM);
    int status = -1;
    waitpid(std::exchange(pid_, 0), &status, 0);
    return status;
  }

 private:
  SocketAddress address_;
  pid_t pid_ = 0;
};

std::string read_to_end(int fd) {
  std::string all;
  char buffer[4096];
  ssize_t got = 0;
  while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0) {
    all.append(buffer, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(got, 0) << "no orderly end";
  return all;
}

std::string read_some(int fd, std::size_t size) {
  std::string text(size, '\0');
  const ssize_t got = recv(fd, text.data(), size, MSG_WAITALL);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

TEST(TcpServer, EchoesAndDrainsWhatCameIn) {
  ServerProcess server([](const std::string& address) { return serve_tcp(address, echo); });
  const int idle = server.connect();
  const int busy = server.connect();
  std::string big(300'000, 'x');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 26);
  std::thread writer([&] { send(busy, big.data(), big.size(), 0); });
  EXPECT_EQ(read_some(busy, big.size()), big);
  writer.join();
  send(busy, "last words", 10, 0);
  EXPECT_EQ(read_some(busy, 4), "last");
  EXPECT_EQ(server.terminate(), 0);
  EXPECT_EQ(read_to_end(busy), " words");
  EXPECT_EQ(read_to_end(idle), "");
  ::close(idle);
  ::close(busy);
}

TEST(TcpServer, JoinsTheScopeBeforeItCloses) {
  ServerProcess server(
      [](const std::string& address) { return serve_tcp(address, leave_to_scope); });
  const int fd = server.connect();
  EXPECT_EQ(read_to_end(fd), "from the scope");
  ::close(fd);
  EXPECT_EQ(server.terminate(), 0);
}

TEST(TcpServer, BadAddressIsAnError) {
  const auto served = serve_tcp("nonsense", echo);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, "bad_address");
}

TEST(TcpServer, TakenAddressIsAnError) {
  auto address = parse_address("127.0.0.1:0");
  const int taken = *open_listener(*address, false);
  const auto served = serve_tcp(address_text(*address), echo);
  ASSERT_FALSE(served);
  EXPECT_EQ(served.error().code, "address_in_use");
  ::close(taken);
}

TEST(HttpProgram, EndsIdleConnectionsOnTerm) {
  ServerProcess server([](const std::string& address) { return serve_http(address, hello); });
  const int fd = server.connect();
  const std::string request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  send(fd, request.data(), request.size(), 0);
  EXPECT_EQ(read_some(fd, 15), "HTTP/1.1 200 OK");
  EXPECT_EQ(server.terminate(), 0);
  ::close(fd);
}

}  // namespace
}  // namespace ringcast
