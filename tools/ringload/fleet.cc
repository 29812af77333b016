#include "tools/ringload/fleet.h"

#include <fmt/format.h>

#include <numeric>

namespace ringcast::load {
namespace {

constexpr std::size_t kConnectionsPerSource = 10'000;
constexpr int kSlowReceiveBufferBytes = 4096;

}  // namespace

Fleet::Fleet(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals)
    : options_(options), address_(address), arrivals_(arrivals), readers_(options.topics) {
  const std::size_t publishers = options.mode == Mode::idle ? 0 : options.publishers;
  const std::size_t count = std::size_t{options.subscribers} + options.slow_readers;
  next_sequences_.resize(publishers * options.subscribers);
  members_.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    const bool slow = index >= options.subscribers;
    members_.push_back(
        std::make_unique<Subscriber>(*this, loop, index * loop.rings() / count,
                                     static_cast<std::uint32_t>(index % options.topics), slow));
    if (slow) continue;
    members_.back()->check_with(
        SequenceChecker(std::span(next_sequences_).subspan(index * publishers, publishers)));
  }
}

void Fleet::ramp(std::int64_t now_ns) {
  if (ramp_start_ns_ < 0) ramp_start_ns_ = now_ns;
  const double elapsed_s = static_cast<double>(now_ns - ramp_start_ns_) / 1e9;
  std::size_t due = members_.size();
  if (options_.ramp > 0) {
    due = std::min(due, static_cast<std::size_t>(elapsed_s * options_.ramp) + 1);
  }
  while (started_ < due && started_ - ready_ - failed_ < kConnectingMax) {
    Subscriber& subscriber = *members_[started_];
    SocketOptions socket{.source = static_cast<unsigned>(started_ / kConnectionsPerSource)};
    if (subscriber.slow()) socket.receive_buffer_bytes = kSlowReceiveBufferBytes;
    ++started_;
    subscriber.start(address_, socket);
  }
}

std::int64_t Fleet::next_start_ns() const {
  if (started_ >= members_.size() || options_.ramp <= 0) return -1;
  return ramp_start_ns_ +
         static_cast<std::int64_t>(static_cast<double>(started_) * 1e9 / options_.ramp);
}

std::size_t Fleet::readers() const {
  return std::accumulate(readers_.begin(), readers_.end(), std::size_t{0});
}

void Fleet::render_request(std::uint32_t topic, std::string& out) const {
  const std::string name = fmt::format("{}.{}", options_.topic_prefix, topic);
  out.clear();
  render_subscribe(options_.target, {.topic = name, .event = options_.event}, out);
}

void Fleet::on_ready(Subscriber& subscriber) {
  ++ready_;
  if (subscriber.slow()) {
    ++slow_ready_;
  } else {
    ++readers_[subscriber.topic()];
  }
}

void Fleet::on_failed(Subscriber& subscriber, std::string message) {
  if (first_error_.empty()) first_error_ = std::move(message);
  if (subscriber.counted()) {
    ++lost_;
    if (subscriber.slow()) return;
    --readers_[subscriber.topic()];
    if (on_lost_) on_lost_(subscriber);
  } else {
    ++failed_;
  }
}

}  // namespace ringcast::load
