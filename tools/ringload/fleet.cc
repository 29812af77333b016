#include "tools/ringload/fleet.h"

#include <fmt/format.h>

#include <numeric>

#include "tools/ringload/chunked_subscriber.h"
#include "tools/ringload/sse_subscriber.h"
#include "tools/ringload/ws_subscriber.h"

namespace ringcast::load {
namespace {

constexpr int kSlowReceiveBufferBytes = 4096;

}  // namespace

Fleet::Fleet(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals)
    : options_(options),
      address_(address),
      arrivals_(arrivals),
      readers_(options.topics),
      ramp_(std::size_t{options.subscribers} + options.slow_readers, options.ramp,
            options.sources) {
  const std::size_t publishers = options.mode == Mode::idle ? 0 : options.publishers;
  const std::size_t count = std::size_t{options.subscribers} + options.slow_readers;
  next_sequences_.resize(publishers * options.subscribers);
  members_.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    const bool slow = index >= options.subscribers;
    members_.push_back(make(loop, index * loop.rings() / count,
                            static_cast<std::uint32_t>(index % options.topics), slow));
    if (slow) continue;
    members_.back()->check_with(
        SequenceChecker(std::span(next_sequences_).subspan(index * publishers, publishers)));
  }
}

std::unique_ptr<Subscriber> Fleet::make(Loop& loop, std::size_t ring, std::uint32_t topic,
                                        bool slow) {
  if (options_.transport == Transport::ws) {
    return std::make_unique<WsSubscriber>(*this, loop, ring, topic, slow);
  }
  if (options_.transport == Transport::chunked) {
    return std::make_unique<ChunkedSubscriber>(*this, loop, ring, topic, slow);
  }
  return std::make_unique<SseSubscriber>(*this, loop, ring, topic, slow);
}

void Fleet::ramp(std::int64_t now_ns) {
  const auto start = [this](std::size_t index, unsigned source) {
    SocketOptions socket{.source = source};
    if (members_[index]->slow()) socket.receive_buffer_bytes = kSlowReceiveBufferBytes;
    members_[index]->start(address_, socket);
  };
  ramp_.step(now_ns, [this] { return ready_ + failed_; }, start);
}

std::size_t Fleet::readers() const {
  return std::accumulate(readers_.begin(), readers_.end(), std::size_t{0});
}

std::string Fleet::topic_name(std::uint32_t topic) const {
  return fmt::format("{}.{}", options_.topic_prefix, topic);
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
