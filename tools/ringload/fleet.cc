#include "tools/ringload/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tools/ringload/chunked_subscriber.h"
#include "tools/ringload/sse_subscriber.h"
#include "tools/ringload/ws_subscriber.h"

namespace ringcast::load {
namespace {

constexpr int kSlowReceiveBufferBytes = 4096;
// Returns that are late by more than this are not made up for by going faster later.
constexpr std::int64_t kReturnSlackNs = 10'000'000;
// Ports of connections that we have closed stay taken for a minute: the next come from others.
constexpr std::size_t kSourceTurns = 4;

}  // namespace

Fleet::Fleet(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals,
             FleetWatcher& watcher)
    : options_(options),
      address_(address),
      loop_(loop),
      arrivals_(arrivals),
      watcher_(watcher),
      readers_(options.topics),
      ramp_(std::size_t{options.subscribers} + options.slow_readers, options.ramp,
            options.sources) {
  const std::size_t publishers = options.mode == Mode::idle ? 0 : options.publishers;
  const std::size_t count = std::size_t{options.subscribers} + options.slow_readers;
  next_sequences_.resize(publishers * options.subscribers);
  members_.resize(count);
  for (std::size_t index = 0; index < count; ++index) {
    const bool slow = index >= options.subscribers;
    members_[index].subscriber = make(loop, index * loop.rings() / count,
                                      static_cast<std::uint32_t>(index % options.topics), slow);
    SequenceChecker checker;
    if (!slow) {
      checker = SequenceChecker(std::span(next_sequences_).subspan(index * publishers, publishers));
    }
    members_[index].subscriber->enlist(static_cast<std::uint32_t>(index), std::move(checker));
  }
}

std::unique_ptr<Subscriber> Fleet::make(Loop& loop, std::size_t ring, std::uint32_t topic,
                                        bool slow) {
  const bool resuming = options_.storm.count != 0 && options_.storm.resume;
  if (options_.transport == Transport::ws) {
    if (resuming) return std::make_unique<ResumingWsSubscriber>(*this, loop, ring, topic, slow);
    return std::make_unique<WsSubscriber>(*this, loop, ring, topic, slow);
  }
  if (options_.transport == Transport::chunked) {
    return std::make_unique<ChunkedSubscriber>(*this, loop, ring, topic, slow);
  }
  if (resuming) return std::make_unique<ResumingSseSubscriber>(*this, loop, ring, topic, slow);
  return std::make_unique<SseSubscriber>(*this, loop, ring, topic, slow);
}

SocketOptions Fleet::socket_of(std::size_t index) const {
  const Member& member = members_[index];
  SocketOptions socket{.source = Ramp::source_of(index, options_.sources),
                       .reset = options_.resets(),
                       .stamped = options_.kernel_arrivals};
  if (!socket.reset && options_.sources == 0) {
    const std::size_t turn = member.streams % kSourceTurns;
    socket.source += static_cast<unsigned>(turn * (size() / Ramp::kConnectionsPerSource + 1));
  }
  if (member.subscriber->slow()) socket.receive_buffer_bytes = kSlowReceiveBufferBytes;
  return socket;
}

void Fleet::ramp(std::int64_t now_ns) {
  ramp_.step(
      now_ns, [this] { return ready_ + failed_; },
      [this](std::size_t index, unsigned) {
        members_[index].subscriber->start(address_, socket_of(index));
      });
}

bool Fleet::send_away(std::size_t index) {
  Member& member = members_[index];
  if (member.state != State::streaming) return false;
  leave_stream(member);
  member.subscriber->leave();
  return true;
}

// Its stream has ended, and it is to return.
void Fleet::leave_stream(Member& member) {
  member.state = State::away;
  --streaming_;
  ++away_;
  // Without an id there is nothing to go on behind.
  member.anew = member.subscriber->last_id().empty();
  if (!member.anew) return;
  end_stream(member);
  member.subscriber->checker().end();
}

void Fleet::end_stream(Member& member) {
  if (member.subscriber->slow()) return;
  --readers_[member.subscriber->topic()];
  watcher_.on_stream_ended(*member.subscriber);
}

void Fleet::step(std::int64_t now_ns, double returns_per_s) {
  while (!retries_.empty() && retries_.front().at_ns <= now_ns) {
    Subscriber& subscriber = *members_[retries_.front().number].subscriber;
    retries_.pop_front();
    subscriber.leave();  // whatever the kernel still has of it
  }
  while (!returning_.empty() && connecting_ < Ramp::kConnectingMax) {
    if (returns_per_s > 0) {
      if (next_return_ns_ > now_ns) break;
      next_return_ns_ = std::max(next_return_ns_, now_ns - kReturnSlackNs) +
                        static_cast<std::int64_t>(1e9 / returns_per_s);
    }
    Member& member = members_[returning_.front()];
    returning_.pop_front();
    ++connecting_;
    member.connecting_ns = loop_.clock_ns();
    member.subscriber->start(address_, socket_of(member.subscriber->number()));
  }
}

std::int64_t Fleet::next_step_ns() const {
  std::int64_t next = retries_.empty() ? -1 : retries_.front().at_ns;
  if (!returning_.empty() && connecting_ < Ramp::kConnectingMax &&
      (next < 0 || next_return_ns_ < next)) {
    next = next_return_ns_;
  }
  return next;
}

std::size_t Fleet::readers() const {
  return std::accumulate(readers_.begin(), readers_.end(), std::size_t{0});
}

std::string Fleet::topic_name(std::uint32_t topic) const {
  return fmt::format("{}.{}", options_.topic_prefix, topic);
}

void Fleet::on_ready(Subscriber& subscriber) {
  Member& member = members_[subscriber.number()];
  const bool fresh = member.state == State::fresh;
  member.state = State::streaming;
  ++member.streams;
  ++streaming_;
  if (fresh) {
    ++ready_;
    if (subscriber.slow()) ++slow_ready_;
  } else {
    --away_;
    --connecting_;
    ++returns_.returned;
    returns_.ready.record(loop_.now_ns() - member.connecting_ns);
    if (!member.anew) return;
    watcher_.on_stream_began(subscriber);
  }
  if (!subscriber.slow()) ++readers_[subscriber.topic()];
}

void Fleet::on_failed(Subscriber& subscriber, std::string message) {
  Member& member = members_[subscriber.number()];
  switch (member.state) {
    case State::fresh:
      ++failed_;
      break;
    case State::away:
      --connecting_;
      ++returns_.failed;
      return retry(subscriber, std::move(message));
    case State::streaming:
      ++lost_;
      if (options_.storm.count != 0 && !subscriber.slow()) {
        leave_stream(member);
        retry(subscriber, message);
        break;
      }
      --streaming_;
      end_stream(member);
      break;
    case State::gone:
      return;
  }
  if (member.state != State::away) member.state = State::gone;
  if (first_error_.empty()) first_error_ = std::move(message);
}

void Fleet::retry(const Subscriber& subscriber, std::string message) {
  if (returns_.first_error.empty()) returns_.first_error = std::move(message);
  retries_.push_back({subscriber.number(), loop_.now_ns() - arrivals_.origin_ns + kRetryNs});
}

void Fleet::on_left(Subscriber& subscriber) { returning_.push_back(subscriber.number()); }

}  // namespace ringcast::load
