#include "tests/e2e/replay/subscriber.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>

namespace ringcast {
namespace {

constexpr std::size_t kReadBytes = 256 << 10;
constexpr std::size_t kSlowReadBytes = 16 << 10;
constexpr int kSlowReceiveBuffer = 8 << 10;
constexpr std::int64_t kSlowPauseMs = 2;
constexpr std::int64_t kRetryMs = 20;
// After the last event it stays for a while, lest it misses one too many.
constexpr std::int64_t kStaysMs = 300;

}  // namespace

Subscriber::Subscriber(const Plan& plan, const Ledger& ledger, std::uint32_t index,
                       const Behaviour& behaviour)
    : plan_(plan),
      index_(index),
      behaviour_(behaviour),
      random_(plan.seed * 1'000'003 + index),
      wish_(wish_of(plan, index)),
      checker_(plan, ledger, wish_),
      wakes_at_ms_(behaviour.starts_after_ms) {}

Wish Subscriber::wish_of(const Plan& plan, std::uint32_t index) {
  Wish wish;
  const std::uint32_t topic = index / 6 % plan.topics;
  const std::uint32_t kind = index % 6;
  const auto add = [&](std::uint32_t more) { wish.topics.push_back((topic + more) % plan.topics); };
  if (kind == 2 || kind == 5) {
    wish.pattern = true;
    for (std::uint32_t each = 0; each < plan.topics; ++each) wish.topics.push_back(each);
  } else {
    add(0);
  }
  if (kind == 1 || kind == 4) add(3);
  if (kind == 1) add(5);
  if (kind == 3 || kind == 4) wish.types = {1, 3};
  if (kind == 5) wish.types = {2};
  std::ranges::sort(wish.topics);
  return wish;
}

std::string Subscriber::name() const {
  return fmt::format(
      "subscriber {} ({}{}{})", index_,
      wish_.pattern ? std::string("pattern") : fmt::format("{} topics", wish_.topics.size()),
      wish_.types.empty() ? "" : ", filtered", behaviour_.slow ? ", slow" : "");
}

std::uint64_t Subscriber::random_budget() {
  if (!behaviour_.kills) return UINT64_MAX;
  const std::uint64_t kind = random_() % 10;
  if (kind < 2) return random_() % 700;  // in the head, or in the first events
  const double exponent = std::uniform_real_distribution(8.0, kind < 6 ? 17.0 : 24.0)(random_);
  return static_cast<std::uint64_t>(std::exp2(exponent));
}

void Subscriber::run(std::int64_t now_ms) {
  if (leaves_at_ms_ != 0 && now_ms >= leaves_at_ms_) {
    done_ = true;
    socket_.close();
  } else if (socket_.valid()) {
    receive(now_ms);
  } else if (now_ms >= wakes_at_ms_) {
    connect(now_ms);
  }
}

std::string Subscriber::request() {
  std::string path = "/events?from=earliest";
  if (wish_.pattern) {
    path += "&topic=replay.*";
    if (index_ % 2 == 0) path += "&topic=" + plan_.topic_name(0);  // named and matched: once
  } else {
    for (const std::uint32_t topic : wish_.topics) path += "&topic=" + plan_.topic_name(topic);
  }
  for (const std::uint32_t type : wish_.types) {
    path += type == wish_.types.front() ? "&types=" : ",";
    path += plan_.type_name(type);
  }
  std::string header;
  if (!last_id_.empty()) {
    if (first_resumed_id_.empty()) first_resumed_id_ = last_id_;
    const std::uint64_t how = random_() % 4;
    if (how == 0) {
      path += "&lastEventId=" + last_id_;
    } else {
      header = "Last-Event-ID: " + last_id_ + "\r\n";
      if (how == 1) path += "&lastEventId=" + first_resumed_id_;  // old: the header counts
    }
  }
  return fmt::format("GET {} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", path, header);
}

void Subscriber::connect(std::int64_t now_ms) {
  socket_ = TcpSocket(behaviour_.port, behaviour_.slow ? kSlowReceiveBuffer : 0);
  if (!socket_.valid() || !socket_.send_all(request())) {
    lost(now_ms, "cannot connect");
    return;
  }
  ++counts_.connections;
  socket_.set_nonblocking();
  reader_.clear();
  head_read_ = false;
  budget_ = random_budget();
  wakes_at_ms_ = 0;
  checker_.connected(last_id_);
}

void Subscriber::receive(std::int64_t now_ms) {
  const std::size_t size = behaviour_.slow ? kSlowReadBytes : kReadBytes;
  const std::size_t most = std::min<std::uint64_t>(size, budget_);
  if (most == 0) {
    kill(now_ms);
    return;
  }
  const long received = socket_.receive(reader_.room(most), most);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) {
    lost(now_ms, received == 0 ? "the server ended the stream" : "the connection broke");
    return;
  }
  reader_.commit(static_cast<std::size_t>(received));
  counts_.bytes += static_cast<std::uint64_t>(received);
  budget_ -= static_cast<std::uint64_t>(received);
  if (!head_read_ && !read_head()) return;
  while (socket_.valid() && reader_.next(block_)) {
    checker_.take(block_);
    if (!block_.last_id.empty()) last_id_ = block_.last_id;
  }
  if (checker_.complete() && leaves_at_ms_ == 0) leaves_at_ms_ = now_ms + kStaysMs;
  if (behaviour_.slow) wakes_at_ms_ = now_ms + kSlowPauseMs;
  if (budget_ == 0) kill(now_ms);
}

bool Subscriber::read_head() {
  std::string_view head;
  if (!reader_.head(head)) return false;
  head_read_ = true;
  if (head.starts_with("HTTP/1.1 200 ")) return true;
  if (plan_.loss == Loss::restarts && head.starts_with("HTTP/1.1 503 ")) return true;
  broken_ = "an answer that is no stream: " + std::string(head);
  return false;
}

// Whatever has not been read is gone with the connection.
void Subscriber::kill(std::int64_t now_ms) {
  ++counts_.kills;
  if (reader_.inside_block()) ++counts_.kills_inside_block;
  if (random_() % 2 == 0) {
    socket_.reset();
  } else {
    socket_.close();
  }
  wakes_at_ms_ = now_ms + static_cast<std::int64_t>(
                              random_() % static_cast<std::uint64_t>(behaviour_.longest_pause_ms));
}

void Subscriber::lost(std::int64_t now_ms, const std::string& why) {
  socket_.close();
  wakes_at_ms_ = now_ms + kRetryMs;
  if (plan_.loss != Loss::restarts) broken_ = why;
}

}  // namespace ringcast
