#include "tools/ringload/pacer.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringcast::load {

Pacer::Pacer(const Setup& setup, Loop& loop, Arrivals& arrivals, Audience& audience,
             const Make& make)
    : options_(setup.options),
      loop_(loop),
      arrivals_(arrivals),
      audience_(audience),
      schedule_(options_.publishers, setup.topics),
      ramp_(options_.mode == Mode::idle ? 0 : options_.publishers, setup.ramp, options_.sources) {
  if (options_.mode == Mode::idle) return;
  for (std::uint32_t topic = 0; topic < setup.topics; ++topic) {
    topics_.push_back(fmt::format("{}.{}", options_.topic_prefix, topic));
  }
  senders_.resize(options_.publishers);
  for (std::uint32_t index = 0; index < options_.publishers; ++index) {
    senders_[index].publisher = make(*this, index);
  }
}

void Pacer::connect(std::int64_t now_ns) {
  ramp_.step(
      now_ns, [this] { return connected_ + failed_; },
      [this](std::size_t index, unsigned source) {
        senders_[index].publisher->start({.source = source, .stamped = options_.kernel_arrivals});
      });
}

void Pacer::start(std::int64_t now_ns) {
  phase_ = Phase::running;
  start_ns_ = now_ns;
  allowance_ = static_cast<std::int64_t>((options_.window - 1) * audience_.readers_per_topic());
}

void Pacer::step(std::int64_t now_ns) {
  while (!retries_.empty() && retries_.front().at_ns <= now_ns) {
    retries_.front().publisher->retry();
    retries_.pop_front();
  }
  if (phase_ == Phase::stopped) end_senders();
  if (phase_ != Phase::running) return;
  options_.mode == Mode::open ? step_open(now_ns) : step_closed(now_ns);
}

void Pacer::stop() {
  phase_ = Phase::stopped;
  end_senders();
}

// Those who have sent all that is due.
void Pacer::end_senders() {
  if (ended_ == senders_.size()) return;
  for (Sender& sender : senders_) {
    if (sender.ended || sender.sent < sender.due) continue;
    sender.ended = true;
    ++ended_;
    if (sender.publisher->finish()) ++finishing_;
  }
}

void Pacer::step_open(std::int64_t now_ns) {
  while (intended_ns(next_event_) <= now_ns) {
    Sender& sender = senders_[next_event_ % options_.publishers];
    ++next_event_;
    ++sender.due;
    if (!sender.publisher->free()) continue;
    send(sender, now_ns, late_by_us_);
    sender.publisher->flush();
  }
}

void Pacer::step_closed(std::int64_t now_ns) {
  while (!free_.empty() && outstanding() <= allowance_) {
    Sender& sender = *free_.front();
    free_.pop_front();
    sender.queued = false;
    Publisher& publisher = *sender.publisher;
    while (publisher.free() && outstanding() <= allowance_) send(sender, now_ns, late_by_us_);
    publisher.flush();
    if (publisher.free()) queue(sender);
  }
}

void Pacer::queue(Sender& sender) {
  if (sender.queued) return;
  sender.queued = true;
  free_.push_back(&sender);
}

void Pacer::send(Sender& sender, std::int64_t now_ns, std::uint64_t& late) {
  const std::uint32_t index = sender.publisher->index();
  const std::uint64_t number = sender.sent++;
  const std::uint32_t topic = schedule_.topic(index, number);
  std::int64_t intended = now_ns;
  if (options_.mode == Mode::open) {
    intended = intended_ns(number * options_.publishers + index);
    if (now_ns - intended > kLateNs) ++late;
  }
  ++published_;
  expected_ += audience_.readers(topic);
  sender.publisher->publish(
      topics_[topic], arrivals_.codec,
      {.publisher = index, .sequence = schedule_.sequence(number), .intended_ns = intended});
}

std::int64_t Pacer::intended_ns(std::uint64_t event) const {
  return start_ns_ + Schedule::intended_ns(event, options_.rate, options_.burst);
}

std::int64_t Pacer::next_ns() const {
  std::int64_t next = -1;
  if (phase_ == Phase::running && options_.mode == Mode::open) next = intended_ns(next_event_);
  if (!retries_.empty() && (next < 0 || retries_.front().at_ns < next)) {
    next = retries_.front().at_ns;
  }
  return next;
}

void Pacer::on_free(Publisher& publisher) {
  Sender& sender = senders_[publisher.index()];
  if (!sender.connected) {
    sender.connected = true;
    ++connected_;
  }
  if (options_.mode == Mode::closed) return queue(sender);
  while (sender.sent < sender.due && publisher.free()) {
    send(sender, loop_.now_ns() - arrivals_.origin_ns, late_by_answers_);
  }
  publisher.flush();
}

void Pacer::on_answer(Publisher&, std::int64_t took_ns) {
  ++answered_;
  if (took_ns < 0) return;
  publish_latency_.record(took_ns);
  if (also_ != nullptr) also_->record(took_ns);
}

void Pacer::on_refused(Publisher& publisher) {
  ++refused_;
  retries_.push_back({&publisher, loop_.now_ns() - arrivals_.origin_ns + kRetryNs});
}

void Pacer::on_failed(Publisher& publisher, std::string message) {
  if (first_error_.empty()) first_error_ = std::move(message);
  ++failed_;
  audience_.on_publisher_failed(publisher);
}

std::int64_t Pacer::outstanding() const {
  const SequenceTotals& totals = arrivals_.totals;
  return static_cast<std::int64_t>(expected_ - written_off_ - totals.delivered - totals.missing) -
         totals.ahead;
}

std::uint64_t Pacer::unconfirmed() const {
  std::uint64_t total = 0;
  for (const Sender& sender : senders_) total += sender.sent - sender.publisher->answered();
  return total;
}

void Pacer::write_off(const Subscriber& subscriber) {
  for (const Sender& sender : senders_) {
    const std::uint32_t index = sender.publisher->index();
    const std::uint32_t expected =
        schedule_.count(sender.sent, schedule_.first(index, subscriber.topic()));
    const std::uint32_t got = subscriber.checker().next(index);
    if (expected > got) written_off_ += expected - got;
  }
}

void Pacer::begin(Subscriber& subscriber) const {
  std::vector<std::uint32_t> starts(senders_.size());
  for (const Sender& sender : senders_) {
    const std::uint32_t index = sender.publisher->index();
    starts[index] = schedule_.count(sender.sent, schedule_.first(index, subscriber.topic()));
  }
  subscriber.checker().begin(starts);
}

std::vector<std::uint64_t> Pacer::sent() const {
  std::vector<std::uint64_t> sent;
  sent.reserve(senders_.size());
  for (const Sender& sender : senders_) sent.push_back(sender.sent);
  return sent;
}

bool Pacer::has_all(const Subscriber& subscriber, const std::vector<std::uint64_t>& sent) const {
  for (std::uint32_t index = 0; index < sent.size(); ++index) {
    const std::uint64_t first = schedule_.first(index, subscriber.topic());
    if (subscriber.checker().next(index) < schedule_.count(sent[index], first)) return false;
  }
  return true;
}

std::uint64_t Pacer::never_arrived(const Fleet& fleet) const {
  std::uint64_t total = 0;
  for (const Sender& sender : senders_) {
    const std::uint32_t index = sender.publisher->index();
    const std::uint64_t answered = sender.publisher->answered();
    for (const Fleet::Member& member : fleet.members()) {
      const Subscriber& subscriber = *member.subscriber;
      // What a stream that began anew has seen nothing of began after it, as far as is known.
      if (subscriber.slow() || !member.owed() || !subscriber.checker().seen(index)) continue;
      const std::uint32_t expected =
          schedule_.count(answered, schedule_.first(index, subscriber.topic()));
      const std::uint32_t got = subscriber.checker().next(index);
      if (expected > got) total += expected - got;
    }
  }
  return total;
}

}  // namespace ringcast::load
