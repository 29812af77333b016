// Routes, methods, statuses and errors of a service on one core, over real sockets.
#include "protocol/service.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/runtime.h"
#include "tests/core/sockets.h"

namespace ringcast {
namespace {

constexpr std::string_view kReadMethods = "GET, HEAD, OPTIONS";
constexpr std::string_view kWriteMethods = "POST, OPTIONS";

struct Answer {
  int status = 0;
  std::string head;  // all of it, with its empty line
  std::string body;

  std::string header(std::string_view name) const {
    const std::string field = fmt::format("\r\n{}: ", name);
    const std::size_t at = head.find(field);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + field.size();
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  // The code of an error that is told as all errors are; empty if it is not.
  std::string error() const {
    constexpr std::string_view kBegin = R"({"error":{"code":")";
    constexpr std::string_view kMiddle = R"(","message":")";
    constexpr std::string_view kEnd = ".\"}}\n";  // a sentence
    const std::size_t middle = body.find(kMiddle);
    const bool whole = body.starts_with(kBegin) && middle != std::string::npos &&
                       body.size() > middle + kMiddle.size() + kEnd.size() && body.ends_with(kEnd);
    if (!whole || header("Content-Type") != "application/json") return {};
    return body.substr(kBegin.size(), middle - kBegin.size());
  }
};

std::string read_head(Client& client) { return client.read_through("\r\n\r\n"); }

// A service with its core's thread, from start() to the end of the test.
class ServiceTest : public testing::Test {
 protected:
  ~ServiceTest() override {
    if (!runtime_) return;
    End end(*this);
    runtime_->reactor(0).post(end);
    finished_.get_future().wait();
    runtime_->stop();
    thread_.join();
    EXPECT_EQ(state_->admission.open(), 0U);
  }

  void start(const Config& config = {}) {
    state_ = std::make_unique<ServerState>(config, EventIds("e", 1), 1);
    state_->pages = {{"/", "text/html; charset=utf-8", "<p>page</p>"}};
    state_->version = "1.2.3";
    state_->phase = Phase::serving;
    auto created = Runtime::create({.cores = {0},
                                    .uring = {.entries = 256,
                                              .cq_entries = 1024,
                                              .direct_descriptors = 256,
                                              .recv_buffers = 16,
                                              .recv_buffer_bytes = 1024}});
    ASSERT_TRUE(created) << created.error().message;
    runtime_ = std::move(*created);
    address_ = *parse_address("127.0.0.1:0");
    const int listener = *open_listener(address_, false);
    std::promise<void> started;
    thread_ = std::thread([&] {
      const auto ran = runtime_->run(
          [&](Reactor& reactor) {
            service_ = std::make_unique<Service>(reactor, *state_);
            service_->http().listen(listener);
            started.set_value();
          },
          [this](Reactor&) { service_.reset(); });
      RINGCAST_CHECK(ran);
    });
    started.get_future().wait();
  }

  Client connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    RINGCAST_CHECK(::connect(fd, address_.get(), address_.length) == 0);
    return Client(fd);
  }

  // Sends these bytes, and reads to the end of the connection.
  Answer exchange(std::string_view request) const {
    Client client = connect();
    client.send(request);
    const std::string all = client.read_to_end();
    const std::size_t end = all.find("\r\n\r\n");
    if (!all.starts_with("HTTP/1.1 ") || end == std::string::npos) return {0, {}, all};
    return {.status = std::stoi(all.substr(9, 3)),
            .head = all.substr(0, end + 4),
            .body = all.substr(end + 4)};
  }
  Answer request(std::string_view method, std::string_view target,
                 std::string_view headers = {}) const {
    return exchange(fmt::format("{} {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{}\r\n",
                                method, target, headers));
  }
  Answer get(std::string_view target) const { return request("GET", target); }
  Answer post(std::string_view target, std::string_view body) const {
    return exchange(fmt::format(
        "POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
        target, body.size(), body));
  }

  std::unique_ptr<ServerState> state_;
  std::unique_ptr<Service> service_;

 private:
  struct End : Message {
    explicit End(ServiceTest& of) : Message(begin), test(of) {}
    static void begin(Message& message) {
      ServiceTest& test = static_cast<End&>(message).test;
      test.service_->reactor().spawn(test.finish());
    }
    ServiceTest& test;
  };

  Task<void> finish() {
    Scope scope(service_->reactor());
    HttpServer& http = service_->http();
    Hub& hub = service_->shard().hub();
    http.stop_accepting();
    http.abort_all();
    hub.close_all(CloseReason::drain);
    while (!http.finished() || hub.subscribers() > 0) co_await scope.sleep(1'000'000);
    finished_.set_value();
  }

  std::unique_ptr<Runtime> runtime_;
  SocketAddress address_;
  std::thread thread_;
  std::promise<void> finished_;
};

TEST_F(ServiceTest, SmallAnswers) {
  start();
  for (const char* path : {"/health", "/ready"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_EQ(answer.header("Content-Type"), "application/json") << path;
    EXPECT_EQ(answer.header("Cache-Control"), "no-store") << path;
    EXPECT_TRUE(answer.body.starts_with(R"({"status":"ok","version":"1.2.3","uptime_s":)"))
        << answer.body;
    EXPECT_TRUE(answer.body.ends_with(R"("connections":1})"
                                      "\n"))
        << answer.body;
  }
  EXPECT_EQ(get("/api/topics").body, "{\"topics\":[]}\n");
  const Answer metrics = get("/metrics");
  EXPECT_EQ(metrics.status, 200);
  EXPECT_EQ(metrics.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_TRUE(metrics.body.starts_with("# HELP ")) << metrics.body.substr(0, 80);
  const Answer page = get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("Content-Security-Policy"), "default-src 'self'");
  EXPECT_EQ(page.body, "<p>page</p>");
}

TEST_F(ServiceTest, UnknownPathsAreNotFound) {
  start();
  for (const char* path : {"/nothing", "/Health", "/health/", "/api", "/api/eventsx", "/events/t",
                           "/api/stream/", "/api/stream/jobs", "/api/stream/other/1"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_EQ(answer.error(), "not_found") << answer.body;
  }
  EXPECT_EQ(post("/nothing", "x").error(), "not_found");
}

TEST_F(ServiceTest, OtherMethodsAreRefusedWithThoseThereAre) {
  start();
  for (const char* path : {"/", "/health", "/ready", "/metrics", "/api/topics", "/events?topic=t",
                           "/api/stream/jobs/1", "/api/chat/sse?messageId=1"}) {
    for (const char* method : {"POST", "PUT", "DELETE", "PATCH"}) {
      const Answer answer = request(method, path, "Content-Length: 0\r\n");
      EXPECT_EQ(answer.status, 405) << method << ' ' << path;
      EXPECT_EQ(answer.error(), "method_not_allowed") << answer.body;
      EXPECT_EQ(answer.header("Allow"), kReadMethods) << path;
    }
  }
  for (const char* path : {"/api/events", "/api/events/", "/api/events/t"}) {
    for (const char* method : {"GET", "HEAD", "PUT", "DELETE"}) {
      const Answer answer = request(method, path);
      EXPECT_EQ(answer.status, 405) << method << ' ' << path;
      EXPECT_EQ(answer.header("Allow"), kWriteMethods) << path;
    }
  }
}

TEST_F(ServiceTest, HeadIsGetWithoutTheBody) {
  start();
  for (const char* path :
       {"/", "/health", "/metrics", "/api/topics", "/events?topic=t", "/api/stream/metrics"}) {
    const Answer answer = request("HEAD", path);
    EXPECT_EQ(answer.status, 200) << path;
    EXPECT_EQ(answer.body, "") << path;
  }
  EXPECT_EQ(request("HEAD", "/events?topic=t").header("Content-Type"), "text/event-stream");
  EXPECT_EQ(request("HEAD", "/nothing").status, 404);
}

TEST_F(ServiceTest, OptionsNameMethodsAndAnswerPreflights) {
  start();
  EXPECT_EQ(request("OPTIONS", "/events").header("Allow"), kReadMethods);
  EXPECT_EQ(request("OPTIONS", "/api/events/t").header("Allow"), kWriteMethods);
  const Answer preflight =
      request("OPTIONS", "/api/events/t",
              "Origin: http://localhost:3000\r\nAccess-Control-Request-Method: POST\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.header("Access-Control-Allow-Origin"), "http://localhost:3000");
  EXPECT_EQ(preflight.header("Access-Control-Allow-Methods"), kWriteMethods);
  EXPECT_NE(preflight.header("Access-Control-Allow-Headers").find("Last-Event-ID"),
            std::string::npos);
}

TEST_F(ServiceTest, OnlyAllowedOriginsRead) {
  Config config;
  config.cors.origins = {"https://app.example"};
  start(config);
  const Answer mine = request("GET", "/health", "Origin: https://app.example\r\n");
  EXPECT_EQ(mine.header("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(mine.header("Vary"), "Origin");
  const Answer other = request("GET", "/nothing", "Origin: https://else.example\r\n");
  EXPECT_EQ(other.status, 403);
  EXPECT_EQ(other.header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(get("/health").header("Vary"), "");
}

TEST_F(ServiceTest, PublishedEventsAreAnsweredWithTheirIds) {
  start();
  const Answer first = post("/api/events/jobs.1?event=tick&id=k1", "one");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.header("Content-Type"), "application/json");
  EXPECT_TRUE(first.body.starts_with("{\"id\":\"e-")) << first.body;
  EXPECT_TRUE(first.body.ends_with("\",\"topic\":\"jobs.1\"}\n")) << first.body;
  EXPECT_EQ(post("/api/events/jobs.1?id=k1", "again").body, first.body);  // stored once
  const Answer batch =
      post("/api/events", "{\"topic\":\"a\",\"data\":1}\n{\"topic\":\"b\",\"data\":2}\n");
  EXPECT_EQ(batch.status, 200);
  EXPECT_TRUE(batch.body.starts_with("[{\"id\":\"e-")) << batch.body;
  EXPECT_TRUE(batch.body.ends_with("\"topic\":\"b\"}]\n")) << batch.body;
  EXPECT_EQ(post("/api/events/", "[]").body, "[]\n");
  const Answer lines = post("/api/events/jobs.2?stream=lines", "one\ntwo\nthree");
  EXPECT_EQ(lines.status, 200);
  EXPECT_TRUE(lines.body.starts_with("{\"count\":3,\"id\":\"e-")) << lines.body;
  EXPECT_EQ(post("/api/events/jobs.2?stream=lines", "").body,
            "{\"count\":0,\"id\":null,\"topic\":\"jobs.2\"}\n");
  const std::string topics = get("/api/topics").body;
  EXPECT_NE(topics.find(R"({"topic":"jobs.2","events":3,)"), std::string::npos) << topics;
  EXPECT_NE(topics.find(R"({"topic":"jobs.1","events":1,)"), std::string::npos) << topics;
}

TEST_F(ServiceTest, WhatCannotBePublishedIsRefused) {
  Config config;
  config.limits.max_event_bytes = 8;
  config.limits.max_batch_bytes = 100;
  config.limits.max_batch_events = 2;
  config.limits.max_topics = 1;
  start(config);
  ASSERT_EQ(post("/api/events/t", "12345678").status, 200);
  struct Case {
    std::string target, body;
    int status;
    std::string_view code;
  };
  const std::string event = "{\"topic\":\"t\",\"data\":1}\n";
  const std::vector<Case> cases = {
      {"/api/events/a%20b", "x", 400, "bad_topic"},
      {"/api/events/a*", "x", 400, "bad_topic"},
      {"/api/events/%zz", "x", 400, "bad_topic"},
      {"/api/events/%ff", "x", 400, "bad_topic"},
      {"/api/events/" + std::string(201, 'a'), "x", 400, "bad_topic"},
      {"/api/events/" + std::string(1000, 'a'), "x", 400, "bad_topic"},
      {"/api/events/t?event=a%0ab", "x", 400, "bad_event"},
      {"/api/events/t?id=" + std::string(129, 'a'), "x", 400, "bad_event"},
      {"/api/events/t?event=%ff", "x", 400, "bad_utf8"},
      {"/api/events/t?event=%2", "x", 400, "bad_percent_escape"},
      {"/api/events/t?other=1", "x", 400, "unknown_parameter"},
      {"/api/events/t?stream=bytes", "x", 400, "bad_stream"},
      {"/api/events/t", "\xff", 400, "bad_utf8"},
      {"/api/events/t", "123456789", 413, "body_too_large"},
      {"/api/events/second", "x", 503, "topic_limit"},
      {"/api/events/t?stream=lines", "ok\n123456789\n", 413, "event_too_large"},
      {"/api/events/t?stream=lines", "\xc3\n", 400, "bad_utf8"},
      {"/api/events", "{", 400, "bad_json"},
      {"/api/events", "\xff", 400, "bad_utf8"},
      {"/api/events", "{\"topic\":\"a b\",\"data\":1}", 400, "bad_event"},
      {"/api/events", "{\"topic\":\"t\",\"data\":\"123456789\"}", 413, "event_too_large"},
      {"/api/events", event + event + event, 413, "too_many_events"},
      {"/api/events", std::string(101, ' '), 413, "body_too_large"},
  };
  for (const Case& each : cases) {
    const Answer answer = post(each.target, each.body);
    EXPECT_EQ(answer.status, each.status) << each.target << ' ' << each.body;
    EXPECT_EQ(answer.error(), each.code) << each.target << ' ' << answer.body;
  }
  EXPECT_EQ(request("POST", "/api/events/t").error(), "length_required");
  EXPECT_EQ(request("POST", "/api/events").status, 411);
}

TEST_F(ServiceTest, StreamsOfTheirOwnNamesFollowTheirTopics) {
  start();
  const std::pair<std::string, std::string> streams[] = {
      {"/api/stream/progress/7", "progress.7"},
      {"/api/stream/quality/7", "quality.7"},
      {"/api/stream/jobs/7", "jobs.7"},
      {"/api/stream/upload/%c3%a4", "upload.%c3%a4"},
      {"/api/stream/metrics", "metrics"},
      {"/api/chat/sse?messageId=7", "chat.7"},
      {"/events?topic=any", "any"},
      {"/events?topic=so*", "some"}};
  for (const auto& [path, topic] : streams) {
    ASSERT_EQ(post("/api/events/" + topic, "kept").status, 200) << topic;
    Client client = connect();
    const char mark = path.find('?') == std::string::npos ? '?' : '&';
    client.send(
        fmt::format("GET {}{}from=earliest HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path, mark));
    const std::string head = read_head(client);
    EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n")) << head;
    EXPECT_NE(head.find("\r\nContent-Type: text/event-stream\r\n"), std::string::npos) << head;
    EXPECT_EQ(client.read_block(), "retry: 5000\n\n");
    if (topic == "chat.7") EXPECT_EQ(client.read_block(), "data: {\"type\":\"connected\"}\n\n");
    EXPECT_TRUE(client.read_through("data: kept\n").starts_with("id: e-")) << path;
  }
}

TEST_F(ServiceTest, WhatCannotBeStreamedIsRefused) {
  Config config;
  config.limits.max_topics_per_subscriber = 2;
  start(config);
  const std::pair<std::string, std::string_view> cases[] = {
      {"/events", "missing_topic"},
      {"/events?types=a", "missing_topic"},
      {"/events?topic=", "bad_topic"},
      {"/events?topic=a+b", "bad_topic"},
      {"/events?topic=%ff", "bad_topic"},
      {"/events?topic=%2", "bad_percent_escape"},
      {"/events?topic=a&topic=b*&topic=c", "too_many_topics"},
      {"/events?topic=a&types=" + std::string(129, 'a'), "bad_types"},
      {"/events?topic=a&from=now", "bad_from"},
      {"/api/stream/jobs/", "bad_topic"},
      {"/api/stream/jobs/%2", "bad_topic"},
      {"/api/stream/jobs/a*", "bad_topic"},
      {"/api/stream/jobs/a%20b", "bad_topic"},
      {"/api/stream/jobs/1?from=now", "bad_from"},
      {"/api/chat/sse", "missing_message_id"},
      {"/api/chat/sse?messageId=", "missing_message_id"},
      {"/api/chat/sse?messageId=a*", "bad_topic"},
  };
  for (const auto& [target, code] : cases) {
    const Answer answer = get(target);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(answer.error(), code) << target << ' ' << answer.body;
  }
}

TEST_F(ServiceTest, StreamsCanBeSwitchedOff) {
  Config config;
  config.sse.enabled = false;
  start(config);
  for (const char* path : {"/events?topic=t", "/events", "/api/stream/metrics"}) {
    const Answer answer = get(path);
    EXPECT_EQ(answer.status, 501) << path;
    EXPECT_EQ(answer.error(), "sse_disabled") << answer.body;
  }
  EXPECT_EQ(post("/api/events/t", "x").status, 200);
}

TEST_F(ServiceTest, WhileLeavingOnlyReadinessIsOff) {
  start();
  state_->phase = Phase::leaving;
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_TRUE(get("/health").body.starts_with(R"({"status":"draining",)"));
  EXPECT_EQ(post("/api/events/t", "x").status, 200);
}

TEST_F(ServiceTest, ADrainingServerTakesNoEvents) {
  start();
  state_->phase = Phase::draining;
  EXPECT_EQ(get("/ready").status, 503);
  EXPECT_EQ(get("/health").status, 200);
  for (const char* path : {"/api/events/t", "/api/events", "/api/events/t?stream=lines"}) {
    // Closed without being asked to.
    const Answer answer = exchange(
        fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx", path));
    EXPECT_EQ(answer.status, 503) << path;
    EXPECT_EQ(answer.error(), "draining") << answer.body;
    EXPECT_EQ(answer.header("Connection"), "close");
  }
}

TEST_F(ServiceTest, EveryAnswerIsCountedByItsFirstDigit) {
  start();
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_EQ(request("OPTIONS", "/health").status, 204);
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(exchange("GET /health HTTP/1.1\r\n\r\n").status, 400);  // no Host: never handled
  state_->phase = Phase::draining;
  EXPECT_EQ(post("/api/events/t", "x").status, 503);
  std::vector<std::uint64_t> counts;
  for (const Counter& counter : service_->counters.responses) counts.push_back(counter.get());
  EXPECT_EQ(counts, (std::vector<std::uint64_t>{0, 0, 2, 0, 2, 1}));
}

}  // namespace
}  // namespace ringcast
