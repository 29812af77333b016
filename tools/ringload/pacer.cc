#include "tools/ringload/pacer.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/ringload/http_publisher.h"

namespace ringcast::load {

Pacer::Pacer(const Options& options, const Address& address, Loop& loop, Arrivals& arrivals,
             Fleet& fleet)
    : options_(options),
      loop_(loop),
      arrivals_(arrivals),
      fleet_(fleet),
      schedule_(options.publishers, options.topics) {
  if (options.mode == Mode::idle) return;
  for (std::uint32_t topic = 0; topic < options.topics; ++topic) {
    topics_.push_back(fmt::format("{}.{}", options.topic_prefix, topic));
  }
  for (std::uint32_t index = 0; index < options.publishers; ++index) {
    publishers_.push_back(std::make_unique<HttpPublisher>(*this, loop, options, address, index));
  }
  sent_.resize(options.publishers);
  due_.resize(options.publishers);
  fleet.on_lost([this](const Subscriber& subscriber) { write_off(subscriber); });
}

void Pacer::connect() {
  for (const auto& publisher : publishers_) publisher->start();
}

void Pacer::start(std::int64_t now_ns) {
  phase_ = Phase::running;
  start_ns_ = now_ns;
  const double readers_per_topic = static_cast<double>(fleet_.readers()) / options_.topics;
  allowance_ = static_cast<std::int64_t>((options_.window - 1) * readers_per_topic);
}

void Pacer::step(std::int64_t now_ns) {
  while (!retries_.empty() && retries_.front().at_ns <= now_ns) {
    retries_.front().publisher->retry();
    retries_.pop_front();
  }
  if (phase_ != Phase::running) return;
  options_.mode == Mode::open ? step_open(now_ns) : step_closed(now_ns);
}

void Pacer::step_open(std::int64_t now_ns) {
  while (intended_ns(next_event_) <= now_ns) {
    const auto index = static_cast<std::size_t>(next_event_ % options_.publishers);
    ++next_event_;
    ++due_[index];
    if (publishers_[index]->free()) send(*publishers_[index], now_ns, late_by_us_);
  }
}

void Pacer::step_closed(std::int64_t now_ns) {
  while (!free_.empty() && outstanding() <= allowance_) {
    Publisher& publisher = *free_.front();
    free_.pop_front();
    if (publisher.free()) send(publisher, now_ns, late_by_us_);
  }
}

void Pacer::send(Publisher& publisher, std::int64_t now_ns, std::uint64_t& late) {
  const std::uint32_t index = publisher.index();
  const std::uint64_t number = sent_[index]++;
  const std::uint32_t topic = schedule_.topic(index, number);
  std::int64_t intended = now_ns;
  if (options_.mode == Mode::open) {
    intended = intended_ns(number * options_.publishers + index);
    if (now_ns - intended > kLateNs) ++late;
  }
  ++published_;
  expected_ += fleet_.readers(topic);
  publisher.publish(
      topics_[topic], arrivals_.codec,
      {.publisher = index, .sequence = schedule_.sequence(number), .intended_ns = intended});
}

std::int64_t Pacer::intended_ns(std::uint64_t event) const {
  return start_ns_ + Schedule::intended_ns(event, options_.rate);
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
  if (options_.mode == Mode::closed) {
    free_.push_back(&publisher);
  } else if (sent_[publisher.index()] < due_[publisher.index()]) {
    send(publisher, loop_.now_ns() - arrivals_.origin_ns, late_by_answers_);
  }
  if (phase_ == Phase::connecting) ++connected_;
}

void Pacer::on_answer(Publisher&, std::int64_t took_ns) {
  ++answered_;
  publish_latency_.record(took_ns);
}

void Pacer::on_refused(Publisher& publisher) {
  ++refused_;
  retries_.push_back({&publisher, loop_.now_ns() - arrivals_.origin_ns + kRetryNs});
}

void Pacer::on_failed(Publisher&, std::string message) {
  if (first_error_.empty()) first_error_ = std::move(message);
  ++failed_;
}

std::int64_t Pacer::outstanding() const {
  const SequenceTotals& totals = arrivals_.totals;
  return static_cast<std::int64_t>(expected_ - written_off_ - totals.delivered - totals.missing);
}

std::uint64_t Pacer::first_number(std::uint32_t publisher, std::uint32_t topic) const {
  std::uint64_t number = 0;
  while (number < schedule_.round() && schedule_.topic(publisher, number) != topic) ++number;
  return number < schedule_.round() ? number : ~std::uint64_t{0};
}

void Pacer::write_off(const Subscriber& subscriber) {
  for (const auto& publisher : publishers_) {
    const std::uint32_t index = publisher->index();
    const std::uint64_t first = first_number(index, subscriber.topic());
    const std::uint32_t expected = schedule_.count(sent_[index], first);
    const std::uint32_t got = subscriber.checker().next(index);
    if (expected > got) written_off_ += expected - got;
  }
}

std::uint64_t Pacer::never_arrived() const {
  std::uint64_t total = 0;
  std::vector<std::uint32_t> expected(options_.topics);
  for (const auto& publisher : publishers_) {
    const std::uint32_t index = publisher->index();
    std::ranges::fill(expected, 0);
    for (std::uint64_t number = 0; number < schedule_.round(); ++number) {
      expected[schedule_.topic(index, number)] = schedule_.count(publisher->answered(), number);
    }
    for (const auto& subscriber : fleet_.members()) {
      if (subscriber->slow() || !subscriber->counted()) continue;
      const std::uint32_t got = subscriber->checker().next(index);
      if (expected[subscriber->topic()] > got) total += expected[subscriber->topic()] - got;
    }
  }
  return total;
}

}  // namespace ringcast::load
