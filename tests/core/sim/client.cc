#include "tests/core/sim/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ringcast::sim {
namespace {

constexpr std::uint64_t kEndless = ~std::uint64_t{0};
constexpr std::size_t kWide = 1 << 20;

// The value of a string member of a flat JSON object; empty for null.
std::string member(const std::string& json, std::string_view name) {
  const std::size_t at = json.find(fmt::format("\"{}\":\"", name));
  if (at == std::string::npos) return {};
  const std::size_t begin = at + name.size() + 4;
  return json.substr(begin, json.find('"', begin) - begin);
}

std::uint64_t number_of(const std::string& id) {
  const std::size_t dash = id.find('-');
  std::uint64_t number = 0;
  if (dash != std::string::npos) {
    std::from_chars(id.data() + dash + 1, id.data() + id.size(), number);
  }
  return number;
}

}  // namespace

Client::Client(World& world, Truth& truth, const EventIds& ids, int number, Wish wish,
               Habits habits, Dial dial)
    : world_(world),
      truth_(truth),
      ids_(ids),
      number_(number),
      habits_(habits),
      dial_(std::move(dial)),
      witness_(std::move(wish)),
      next_at_ns_(world.now_ns + world.random.skewed(0, 200'000'000)) {}

std::string Client::name() const {
  const Wish& wish = witness_.wish();
  return fmt::format("client {} [{} {} {}]", number_, fmt::join(wish.topics, ","),
                     fmt::join(wish.patterns, ","), fmt::join(wish.types, ","));
}

void Client::wrong(std::string what) {
  world_.trace.fail(fmt::format("{}: {}", name(), std::move(what)));
}

std::int64_t Client::next_at_ns() const {
  if (connection_ == nullptr) return dialing_ ? next_at_ns_ : -1;
  if (!request_.empty() || (left_ == 0 && !half_closed_)) return next_at_ns_;
  if (!habits_.reads && established_) return -1;
  const Connection& from = *connection_;
  const bool something = !from.to_client.empty() || from.server_ended || from.reset;
  return something ? next_at_ns_ : -1;
}

Subscription Client::subscription() const {
  Subscription subscription;
  subscription.topics = witness_.wish().topics;
  subscription.patterns = witness_.wish().patterns;
  subscription.types = witness_.wish().types;
  subscription.from = from_;
  subscription.last_id = asked_id_;
  subscription.head = kGreeting;
  subscription.announce_position = habits_.wants_position;
  return subscription;
}

void Client::choose_start() {
  asked_id_ = last_id_;
  position_ = {};
  if (world_.random.percent(habits_.bad_id_percent)) {
    static constexpr std::string_view kReasons[] = {"malformed", "epoch", "unknown"};
    const std::string reason(kReasons[world_.random.below(3)]);
    if (reason == "malformed") {
      asked_id_ = world_.random.percent(50) ? "\"no id\"" : ids_.epoch() + "-x";
    } else if (reason == "epoch") {
      asked_id_ = "0old0-77";
    } else {
      Position future;
      for (unsigned home = 0; home < ids_.homes(); ++home) {
        future.number[home] = std::uint64_t{1'000'000} * ids_.homes() + home;
      }
      asked_id_ = ids_.text(future);
    }
    from_ = Subscription::From::after_id;
    witness_.connected(Witness::Start::bad_id, reason);
  } else if (!last_id_.empty()) {
    from_ = Subscription::From::after_id;
    position_ = ids_.parse(last_id_).position;
    witness_.connected(Witness::Start::resume);
  } else if (habits_.from_earliest) {
    from_ = Subscription::From::earliest;
    witness_.connected(Witness::Start::earliest);
  } else {
    from_ = Subscription::From::latest;
    witness_.connected(Witness::Start::latest);
  }
}

void Client::dial() {
  connection_ = std::make_shared<Connection>();
  connection_->number = number_;
  connection_->capacity = calm_ ? kWide : habits_.capacity;
  reader_ = BlockReader{};
  established_ = half_closed_ = farewell_ = false;
  const bool stays = calm_ || habits_.patience == 0;
  left_ = stays ? kEndless : world_.random.below(std::uint64_t{2} * habits_.patience);
  choose_start();
  request_ = fmt::format("{}\n", number_);
  dial_(connection_);
  world_.trace.text(world_.now_ns, fmt::format("{} dials, id `{}`", name(), asked_id_));
}

void Client::ask() {
  const std::size_t piece = 1 + world_.random.below(request_.size());
  connection_->to_server += request_.substr(0, piece);
  request_.erase(0, piece);
}

void Client::calm() {
  calm_ = true;
  if (!habits_.reads) return;
  if (connection_) connection_->capacity = kWide;
  if (!half_closed_) left_ = kEndless;
  next_at_ns_ = std::min(next_at_ns_, world_.now_ns + 50'000'000);
}

void Client::leave() {
  dialing_ = false;
  if (connection_) break_off();
}

void Client::break_off() {
  world_.note("client breaks off", number_);
  connection_->client_ended = connection_->client_gone = true;
  connection_->reset |= world_.random.percent(50);
  connection_.reset();
  next_at_ns_ = world_.now_ns + world_.random.skewed(0, 100'000'000);
}

void Client::ended() {
  world_.note("client sees the end", number_);
  if (!habits_.stubborn || !connection_->server_ended || connection_->server_closed) {
    connection_->client_ended = connection_->client_gone = true;
  }
  connection_.reset();
  if (farewell_) dialing_ = false;
  next_at_ns_ = world_.now_ns + world_.random.skewed(0, 100'000'000);
}

void Client::step() {
  const std::int64_t pause = calm_ ? 500'000 : habits_.pause_ns;
  next_at_ns_ = world_.now_ns + world_.random.skewed(1, pause);
  if (connection_ == nullptr) {
    if (dialing_) dial();
    return;
  }
  if (!request_.empty()) {
    ask();
  } else if (left_ == 0 && !half_closed_) {
    if (world_.random.percent(30)) {
      half_closed_ = true;  // goes on reading until the server ends
      left_ = kEndless;
      connection_->client_ended = true;
    } else {
      break_off();
    }
  } else if (habits_.reads || !established_) {
    read();
  }
}

void Client::read() {
  std::string& bytes = connection_->to_client;
  if (connection_->reset && (bytes.empty() || world_.random.percent(50))) {
    ended();
    return;
  }
  if (bytes.empty()) {
    if (connection_->server_ended) ended();
    return;
  }
  std::size_t size = calm_ ? bytes.size() : 1 + world_.random.below(habits_.bite);
  size = std::min<std::uint64_t>({size, bytes.size(), left_});
  if (left_ != kEndless) left_ -= size;
  blocks_.clear();
  if (!reader_.feed(std::string_view(bytes).substr(0, size), blocks_)) {
    wrong("no event stream: " + reader_.bad_line());
  }
  bytes.erase(0, size);
  for (const Block& block : blocks_) take(block);
}

void Client::take(const Block& block) {
  if (farewell_) wrong("something after the farewell");
  if (block.comment) {
    if (kRefusal.starts_with(block.remark) && block.remark.size() > 1) {
      refused_ = true;
    } else if (!established_) {
      established_ = true;
      refused_ = false;
      witness_.established(truth_.moment());
    }
    return;
  }
  if (!established_) wrong("an event before the greeting");
  if (!block.retry.empty()) {
    farewell_ = true;
    return;
  }
  const bool gap = block.type == "gap";
  if (gap) {
    take_gap(block);
  } else if (block.has_data) {
    take_event(block);
  }
  if (block.ids.empty()) {
    // Of several gaps the last one has the id.
    if (!gap || !witness_.wish().several()) wrong("a block without an id");
    return;
  }
  world_.trace.text(world_.now_ns, fmt::format("{} is at id {}", name(), block.ids.back()));
  witness_.id_moved();
  last_id_ = block.ids.back();
  const ParsedId parsed = ids_.parse(last_id_);
  if (parsed.problem != IdProblem::none) wrong("a bad id: " + last_id_);
  position_ = parsed.position;
}

void Client::take_gap(const Block& block) {
  const std::string earliest = member(block.data, "earliest");
  world_.trace.text(world_.now_ns, fmt::format("{} gets {}", name(), block.data));
  witness_.gap(member(block.data, "topic"), member(block.data, "reason"), number_of(earliest),
               truth_.moment());
}

void Client::take_event(const Block& block) {
  const bool several = witness_.wish().several();
  if (several != !block.topic.empty() || block.ids.size() != (several ? 2 : 1)) {
    wrong("a block of the wrong form");
    return;
  }
  const std::string& topic = several ? block.topic : witness_.wish().topics.front();
  const std::uint64_t number = number_of(block.ids.front());
  world_.trace.text(world_.now_ns, fmt::format("{} gets {} {}", name(), topic, number));
  // Else a client that breaks off before this event would never get it.
  if (number <= position_.number[ids_.home_of(number)]) {
    wrong(fmt::format("{} {} comes behind its position", topic, number));
  }
  witness_.event(topic, number, block.type, block.data);
}

}  // namespace ringcast::sim
