#include "tests/e2e/replay/publisher.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <iterator>
#include <thread>

namespace ringcast {
namespace {

constexpr std::uint32_t kMostBatch = 200;  // events; about 100 on average
constexpr std::chrono::milliseconds kRetryPause{20};

}  // namespace

Publisher::Publisher(const Plan& plan, const Pace& pace, std::uint32_t index, Ledger& ledger)
    : plan_(plan),
      pace_(pace),
      index_(index),
      ledger_(ledger),
      random_(plan.seed * 1000 + index),
      topics_(plan.topics_of(index)),
      next_(plan.topics) {
  const std::vector<std::uint32_t> totals = plan.totals();
  for (const std::uint32_t topic : topics_) left_ += totals[plan.stream(index, topic)];
}

void Publisher::run(const std::atomic<bool>& stop) {
  const auto begin = std::chrono::steady_clock::now();
  double published = 0;
  while (left_ > 0 && !stop) {
    const auto wanted = static_cast<std::uint32_t>(random_() % kMostBatch + 1);
    compose(std::min(left_, wanted));
    if (!publish(stop)) return;
    published += static_cast<double>(batch_.size());
    if (pace_.events_per_s > 0) {
      std::this_thread::sleep_until(
          begin + std::chrono::duration_cast<std::chrono::nanoseconds>(
                      std::chrono::duration<double>(published / pace_.events_per_s)));
    }
  }
}

void Publisher::compose(std::uint32_t events) {
  batch_.clear();
  std::string body;
  std::string data;
  for (std::uint32_t n = 0; n < events; ++n) {
    const std::uint32_t topic = topics_[turn_++ % topics_.size()];
    const EventKey key{.publisher = index_, .topic = topic, .sequence = next_[topic]++};
    data.clear();
    append_data(data, key);
    for (std::size_t at = 0; (at = data.find('\n', at)) != std::string::npos; at += 2) {
      data.replace(at, 1, "\\n");
    }
    fmt::format_to(std::back_inserter(body),
                   R"({{"topic":"{}","event":"{}","data":"{}"}})"
                   "\n",
                   plan_.topic_name(topic), plan_.type_name(plan_.type_of(key.sequence)), data);
    batch_.push_back(key);
  }
  left_ -= events;
  request_ = fmt::format(
      "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\n"
      "Content-Length: {}\r\n\r\n{}",
      body.size(), body);
}

// A batch that was not acknowledged is sent again, where servers may be restarted: one that is in
// the history all the same belongs to an epoch that has ended.
bool Publisher::publish(const std::atomic<bool>& stop) {
  std::string answer;
  while (!stop) {
    if (!socket_.valid()) socket_ = TcpSocket(pace_.port);
    if (socket_.valid() && exchange(answer)) return acknowledge(answer);
    socket_.close();
    if (plan_.loss != Loss::restarts) {
      error_ = fmt::format("publisher {}: not acknowledged: {}", index_, answer.substr(0, 300));
      return false;
    }
    std::this_thread::sleep_for(kRetryPause);
  }
  return false;
}

// One request and its answer's body; false if the connection or the answer was no good.
bool Publisher::exchange(std::string& answer) {
  answer.clear();
  if (!socket_.send_all(request_)) return false;
  char buffer[16384];
  std::size_t whole = 0;
  std::size_t head = 0;
  while (whole == 0 || answer.size() < whole) {
    const long received = socket_.receive(buffer, sizeof buffer);
    if (received <= 0) return false;
    answer.append(buffer, static_cast<std::size_t>(received));
    if (whole != 0) continue;
    const std::size_t end = answer.find("\r\n\r\n");
    if (end == std::string::npos) continue;
    constexpr std::string_view kLength = "Content-Length: ";
    const std::size_t length = answer.find(kLength);
    if (length == std::string::npos || length > end) return false;
    std::size_t bytes = 0;
    std::from_chars(answer.data() + length + kLength.size(), answer.data() + end, bytes);
    head = end + 4;
    whole = head + bytes;
  }
  if (!answer.starts_with("HTTP/1.1 200 ")) return false;
  answer.erase(0, head);
  return true;
}

bool Publisher::acknowledge(std::string_view answer) {
  constexpr std::string_view kId = "\"id\":\"";
  std::size_t at = 0;
  for (const EventKey& key : batch_) {
    at = answer.find(kId, at);
    if (at == std::string_view::npos) break;
    at += kId.size();
    const std::string_view id = answer.substr(at, answer.find('"', at) - at);
    const auto [epoch, number] = split_id(id);
    if (number == 0) break;
    ledger_.acknowledged(plan_.stream(index_, key.topic), key.sequence, epoch, number);
    if (&key == &batch_.back() && answer.find(kId, at) == std::string_view::npos) return true;
  }
  error_ = fmt::format("publisher {}: {} events, and the answer {}", index_, batch_.size(),
                       answer.substr(0, 300));
  return false;
}

}  // namespace ringcast
