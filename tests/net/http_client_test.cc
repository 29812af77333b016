#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <thread>

#include "core/uring_driver.h"

namespace ringcast {
namespace {

// A peer that follows a script on the first connection it gets, on a thread of its own.
class ScriptedServer {
 public:
  explicit ScriptedServer(std::function<void(int fd)> script) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.storage.ss_family = AF_INET;
    reinterpret_cast<sockaddr_in&>(address_.storage).sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address_.length = sizeof(sockaddr_in);
    EXPECT_EQ(::bind(listener_, address_.get(), address_.length), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    ::getsockname(listener_, address_.get(), &address_.length);
    thread_ = std::thread([this, script = std::move(script)] {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      script(fd);
      ::close(fd);
    });
  }
  ~ScriptedServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  const SocketAddress& address() const { return address_; }

 private:
  SocketAddress address_;
  int listener_ = -1;
  std::thread thread_;
};

std::string read_until(int fd, std::string_view mark) {
  std::string text;
  char c = 0;
  while (!text.ends_with(mark) && ::read(fd, &c, 1) == 1) text += c;
  return text;
}

void write_all(int fd, std::string_view bytes) {
  (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void pause_briefly() { std::this_thread::sleep_for(std::chrono::microseconds(300)); }

class Loop {
 public:
  Loop() {
    auto driver = UringDriver::create({.entries = 64,
                                       .cq_entries = 256,
                                       .direct_descriptors = 1,
                                       .recv_buffers = 1,
                                       .recv_buffer_bytes = 64});
    EXPECT_TRUE(driver) << driver.error().message;
    reactor_ = std::make_unique<Reactor>(0, std::move(*driver));
    scope_ = std::make_unique<Scope>(*reactor_);
  }
  Scope& scope() { return *scope_; }

  void run(Task<void> task) {
    reactor_->spawn(std::move(task));
    while (reactor_->spawned() > 0) reactor_->turn(true);
  }

 private:
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Scope> scope_;
};

struct Outcome {
  int status = 0;
  std::string reason;
  std::string body;
  std::string error;  // code
  std::string message;
  bool reusable = false;
};

Task<void> get(HttpClient* client, SocketAddress address, ClientRequest request, Outcome* out) {
  const auto note = [out](const Error& error) {
    out->error = error.code;
    out->message = error.message;
  };
  if (auto open = co_await client->connect({&address, 1}); !open) {
    note(open.error());
    co_return;
  }
  auto response = co_await client->request(request);
  if (!response) {
    note(response.error());
    co_return;
  }
  out->status = response->status;
  out->reason = response->reason;
  auto body = co_await client->body(1 << 20);
  if (!body) {
    note(body.error());
    co_return;
  }
  out->body = *body;
  out->reusable = client->reusable();
}

Outcome answer_with(const std::function<void(int)>& script, ClientRequest request = {},
                    const ClientTimes& times = {}) {
  ScriptedServer server(script);
  Loop loop;
  Outcome outcome;
  HttpClient client(loop.scope(), times);
  loop.run(get(&client, server.address(), request, &outcome));
  client.close();
  return outcome;
}

Outcome answer_with(std::string_view response, ClientRequest request = {}) {
  return answer_with(
      [response](int fd) {
        read_until(fd, "\r\n\r\n");
        write_all(fd, response);
      },
      request);
}

struct Case {
  std::string_view response;
  int status;
  std::string_view body;
  bool reusable;
};

constexpr Case kGood[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
    {"HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", 200, "hello", true},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
     200, "abcde", true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nup to the end", 200, "up to the end", false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     200, "ok", true},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nContent-Length: 2\r\n\r\nbytes of x", 101,
     "bytes of x", false},
    {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
};

TEST(HttpClient, UnderstandsEveryFramingAtEverySplit) {
  for (const Case& each : kGood) {
    for (std::size_t split = 0; split < each.response.size(); ++split) {
      const Outcome outcome = answer_with([&each, split](int fd) {
        read_until(fd, "\r\n\r\n");
        write_all(fd, each.response.substr(0, split));
        pause_briefly();
        write_all(fd, each.response.substr(split));
      });
      ASSERT_EQ(outcome.error, "") << each.response << " split at " << split;
      EXPECT_EQ(outcome.status, each.status);
      EXPECT_EQ(outcome.body, each.body) << each.response << " split at " << split;
      EXPECT_EQ(outcome.reusable, each.reusable) << each.response;
    }
  }
}

TEST(HttpClient, RefusesWhatIsNotHttp) {
  constexpr std::string_view kBad[] = {
      "SSH-2.0-OpenSSH_9.2\r\n",
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 abc OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\nname : value\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
  };
  for (const std::string_view response : kBad) {
    EXPECT_EQ(answer_with(response).error, "bad_response") << response;
  }
}

TEST(HttpClient, TellsAnEarlyEnd) {
  constexpr std::string_view kCut[] = {
      "",
      "HTTP/1.1 200 OK\r\nContent-",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
      "HTTP/1.1 100 Continue\r\n\r\n",
  };
  for (const std::string_view response : kCut) {
    const Outcome outcome = answer_with(response);
    EXPECT_EQ(outcome.error, "closed_early") << response;
    EXPECT_NE(outcome.message.find("127.0.0.1:"), std::string::npos);
  }
}

TEST(HttpClient, LimitsHeads) {
  std::string head = "HTTP/1.1 200 OK\r\nX: ";
  head.append(HttpClient::kHeadBytesMax, 'x');
  EXPECT_EQ(answer_with(head).error, "too_large");
}

TEST(HttpClient, LimitsBodies) {
  std::string response = "HTTP/1.1 200 OK\r\n\r\n";
  response.append((1 << 20) + 1, 'x');
  EXPECT_EQ(answer_with(response).error, "too_large");
}

TEST(HttpClient, WritesRequests) {
  std::string seen;
  const std::vector<ClientHeader> headers = {{"X-A", "b"}, {"Host", "other"}};
  const auto script = [&seen](int fd) {
    seen = read_until(fd, "\r\n\r\ndata");
    write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  };
  answer_with(script, {.method = "POST", .host = "h", .target = "/x?y", .body = "data"});
  EXPECT_EQ(seen, "POST /x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\ndata");
  answer_with(script,
              {.method = "PUT", .host = "h", .target = "/", .headers = headers, .body = "data"});
  EXPECT_EQ(seen, "PUT / HTTP/1.1\r\nX-A: b\r\nHost: other\r\nContent-Length: 4\r\n\r\ndata");
}

Task<void> stream_body(HttpClient* client, SocketAddress address, Outcome* out) {
  EXPECT_TRUE(co_await client->connect({&address, 1}));
  const ClientRequest request{.method = "POST", .host = "h", .chunked = true};
  EXPECT_TRUE(co_await client->send_head(request));
  EXPECT_TRUE(co_await client->send_chunk("hello "));
  EXPECT_TRUE(co_await client->send_chunk(""));
  EXPECT_TRUE(co_await client->send_chunk("world, at last!!"));
  EXPECT_TRUE(co_await client->finish_chunks());
  auto response = co_await client->response();
  if (response) out->status = response->status;
}

TEST(HttpClient, SendsChunks) {
  std::promise<std::string> seen;  // the server has a thread of its own
  ScriptedServer server([&seen](int fd) {
    read_until(fd, "\r\n\r\n");
    seen.set_value(read_until(fd, "0\r\n\r\n"));
    write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  Loop loop;
  Outcome outcome;
  HttpClient client(loop.scope());
  loop.run(stream_body(&client, server.address(), &outcome));
  EXPECT_EQ(outcome.status, 200);
  EXPECT_EQ(seen.get_future().get(), "6\r\nhello \r\n10\r\nworld, at last!!\r\n0\r\n\r\n");
}

TEST(HttpClient, KeepsConnections) {
  ScriptedServer server([](int fd) {
    for (int n = 0; n < 3; ++n) {
      read_until(fd, "\r\n\r\n");
      write_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    }
  });
  Loop loop;
  HttpClient client(loop.scope());
  Outcome outcome;
  loop.run(get(&client, server.address(), {.host = "h"}, &outcome));
  const auto again = [](HttpClient* to, Outcome* out) -> Task<void> {
    out->body.clear();
    auto response = co_await to->request({.host = "h"});
    if (!response) co_return;
    auto body = co_await to->body(10);
    if (body) out->body = *body;
  };
  for (int n = 0; n < 2; ++n) {
    EXPECT_TRUE(client.reusable());
    loop.run(again(&client, &outcome));
    EXPECT_EQ(outcome.body, "ok");
  }
}

TEST(HttpClient, GetsTheAnswerToABodyThatIsNotRead) {
  const std::string body(8 << 20, 'x');
  const Outcome outcome = answer_with(
      [](int fd) {
        read_until(fd, "\r\n\r\n");
        write_all(fd, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        ::shutdown(fd, SHUT_WR);
        std::string sink(1 << 16, ' ');
        while (::read(fd, sink.data(), sink.size()) > 0) {
        }
      },
      {.method = "POST", .host = "h", .body = body});
  EXPECT_EQ(outcome.status, 413);
}

TEST(HttpClient, TimesOut) {
  const Outcome outcome = answer_with(
      [](int fd) {
        read_until(fd, "\r\n\r\n");
        char c = 0;
        (void)!::read(fd, &c, 1);  // until the client gives up
      },
      {}, {.response_ms = 30});
  EXPECT_EQ(outcome.error, "timed_out");
}

TEST(HttpClient, TellsThatNobodyListens) {
  SocketAddress address;
  {
    ScriptedServer server([](int) {});
    address = server.address();
  }
  Loop loop;
  Outcome outcome;
  HttpClient client(loop.scope());
  loop.run(get(&client, address, {}, &outcome));
  EXPECT_EQ(outcome.error, "connection_refused");
  EXPECT_FALSE(client.connected());
}

TEST(HttpClient, EndsWithItsScope) {
  ScriptedServer server([](int fd) {
    read_until(fd, "\r\n\r\n");
    char c = 0;
    (void)!::read(fd, &c, 1);
  });
  Loop loop;
  Outcome outcome;
  HttpClient client(loop.scope());
  const auto cancel = [](Scope* scope) -> Task<void> {
    co_await scope->sleep(20'000'000);
    scope->cancel();
  };
  loop.scope().reactor().spawn(cancel(&loop.scope()));
  loop.run(get(&client, server.address(), {}, &outcome));
  EXPECT_EQ(outcome.error, "cancelled");
}

TEST(HttpUrl, IsTakenApart) {
  const auto check = [](std::string_view text, std::string_view host, std::string_view port,
                        std::string_view authority, std::string_view path) {
    const auto url = parse_http_url(text);
    ASSERT_TRUE(url) << url.error().message;
    EXPECT_EQ(url->host, host);
    EXPECT_EQ(url->port, port);
    EXPECT_EQ(url->authority, authority);
    EXPECT_EQ(url->path, path);
  };
  check("http://127.0.0.1:8080", "127.0.0.1", "8080", "127.0.0.1:8080", "");
  check("http://localhost/", "localhost", "80", "localhost", "");
  check("http://[::1]:9/a/b//", "::1", "9", "[::1]:9", "/a/b");
  check("http://[::1]", "::1", "80", "[::1]", "");
  for (const std::string_view bad :
       {"", "127.0.0.1:8080", "https://x", "ftp://x", "http://", "http://:80", "http://x:0",
        "http://x:65536", "http://x:y", "http://x:", "http://u@x", "http://x/?a=b", "http://x/#f",
        "http://x y", "http://x\r\n", "http://::1:80"}) {
    EXPECT_FALSE(parse_http_url(bad)) << bad;
  }
}

TEST(HttpUrl, EncodesPercent) {
  EXPECT_EQ(percent_encode("a-._~Z9"), "a-._~Z9");
  EXPECT_EQ(percent_encode("a b/é+*"), "a%20b%2F%C3%A9%2B%2A");
}

TEST(ClientHeader, ProblemsAreNamed) {
  EXPECT_FALSE(header_problem({"X-Name", "any value"}));
  EXPECT_TRUE(header_problem({"X Name", "v"}));
  EXPECT_TRUE(header_problem({"", "v"}));
  EXPECT_TRUE(header_problem({"X", "a\r\nb"}));
  EXPECT_TRUE(header_problem({"content-length", "1"}));
}

}  // namespace
}  // namespace ringcast
