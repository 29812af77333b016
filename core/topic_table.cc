#include "core/topic_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/hub.h"
#include "core/shard.h"

namespace ringcast {
namespace {

constexpr std::size_t kMaintainedPerCall = 256;

void on_notice(Message& message) {
  TopicLink& link = static_cast<TopicLink::LinkMessage&>(message).link;
  link.noticed.exchange(false, std::memory_order_acq_rel);
  Shard::current().hub().noticed(link);
}

void on_release(Message& message) {
  TopicLink& link = static_cast<TopicLink::LinkMessage&>(message).link;
  link.releasing.exchange(false, std::memory_order_acq_rel);
  Shard::current().topics()->released(link);
}

}  // namespace

const TopicRules& TopicRulesTable::of(std::string_view topic) const {
  for (const auto& [pattern, rules] : by_pattern) {
    if (topic_matches(pattern, topic)) return rules;
  }
  return defaults;
}

TopicTable::TopicTable(Reactor& reactor, Fabric& fabric, TopicTableOptions options)
    : reactor_(reactor),
      fabric_(fabric),
      options_(std::move(options)),
      home_(reactor.core()),
      // Never zero, so that a position can say of every home that nothing has happened there.
      last_number_(fabric.homes() + home_),
      removed_(last_number_) {
  RINGCAST_CHECK(home_ < fabric.homes());
  fabric_.watermarks[home_].number.store(last_number_, std::memory_order_release);
  dirty_.reserve(1024);
  reactor_.add_hook(*this);
}

TopicTable::~TopicTable() = default;

std::int64_t TopicTable::now_ms() const { return reactor_.driver().wall_clock_ms(); }

void TopicTable::set_options(const TopicTableOptions& options) {
  options_ = options;
  for (Topic* topic : by_age_) topic->set_rules(options_.rules->of(topic->name()));
}

Topic* TopicTable::find(std::string_view name) {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

bool TopicTable::take_place(bool awaited) {
  const std::uint64_t most = awaited ? options_.max_awaited_topics : options_.max_topics;
  if (places(awaited).fetch_add(1, std::memory_order_relaxed) < most) return true;
  places(awaited).fetch_sub(1, std::memory_order_relaxed);
  return false;
}

bool TopicTable::move(Topic& topic, bool awaited) {
  if (!take_place(awaited)) return false;
  places(!awaited).fetch_sub(1, std::memory_order_relaxed);
  topic.awaited = awaited;
  return true;
}

std::unexpected<Error> TopicTable::refuse_topic(bool awaited) {
  counters.refused_topics.add();
  if (awaited) {
    return fail("topic_limit", fmt::format("There are {} topics without events that somebody waits "
                                           "for, as many as limits.max_awaited_topics allows.",
                                           options_.max_awaited_topics));
  }
  return fail("topic_limit", fmt::format("There are {} topics already, as many as "
                                         "limits.max_topics allows.",
                                         options_.max_topics));
}

Result<Topic*> TopicTable::find_or_create(std::string_view name, bool awaited) {
  if (Topic* topic = find(name)) return topic;
  if (!take_place(awaited)) return refuse_topic(awaited);
  auto made =
      std::make_unique<Topic>(std::string(name), options_.rules->of(name), removed_.take(name));
  Topic* topic = made.get();
  topic->awaited = awaited;
  topic->observed = observer_ != nullptr && observer_->observes(name);
  allocated_ += topic->allocated_bytes();
  topics_.emplace(topic->name(), std::move(made));
  by_age_.push_back(topic);
  quiet_first_.push_back(*topic);
  counters.topics.set(topics_.size());
  for (const Watch& watch : watches_) {
    if (topic_matches(watch.pattern, name)) tell(link_to(*topic, watch.core));
  }
  return topic;
}

std::uint64_t TopicTable::publish(Topic& topic, const NewEvent& event) {
  if (const std::uint64_t number = topic.find_key(event.key); number != 0) {
    counters.duplicates.add();
    return number;
  }
  last_number_ += fabric_.homes();
  const Size before = size_of(topic);
  const std::int64_t now = now_ms();
  topic.append(event, last_number_, fabric_.ids, now);
  grew(topic, before, now);
  topic.unlink();
  quiet_first_.push_back(topic);
  counters.published.add();
  mark(topic);
  if (topic.observed) observer_->published(topic, event);
  return last_number_;
}

void TopicTable::grew(Topic& topic, const Size& before, std::int64_t now) {
  if (topic.trim(now)) topic.free_released();
  allocated_ += topic.allocated_bytes() - before.allocated;
  live_bytes_ += topic.bytes() - before.bytes;
  if (allocated_ > options_.memory_bytes) enforce_memory(topic);
}

void TopicTable::enforce_memory(Topic& growing) {
  const auto shrink = [this](Topic& topic) {
    const std::uint64_t bytes_before = topic.bytes();
    if (!topic.drop_oldest_segment()) return false;
    counters.evicted_memory.add();
    live_bytes_ -= bytes_before - topic.bytes();
    tidy(topic);
    mark(topic);
    return true;
  };
  // The one that grows pays first; then those that nobody has published to for longest.
  while (allocated_ > options_.memory_bytes && shrink(growing)) {
  }
  int tries = 64;  // bounds the work of one publish; the next one goes on
  quiet_first_.for_each([&](Topic& topic) {
    while (allocated_ > options_.memory_bytes && tries-- > 0 && shrink(topic)) {
    }
  });
}

void TopicTable::mark(Topic& topic) {
  if (topic.dirty) return;
  topic.dirty = true;
  dirty_.push_back(&topic);
}

void TopicTable::tell(TopicLink& link) {
  if (link.reader_core == reactor_.core()) {
    hub_->noticed(link);
  } else if (!link.noticed.exchange(true, std::memory_order_acq_rel)) {
    reactor_.send_to(fabric_.shards[link.reader_core]->reactor(), link.notice);
  }
}

bool TopicTable::run_turn() {
  for (Topic* topic : dirty_) {
    topic->dirty = false;
    for (const auto& link : topic->links) {
      link->oldest_serial.store(topic->oldest_serial(), std::memory_order_release);
      tell(*link);
    }
  }
  dirty_.clear();
  return false;
}

void TopicTable::after_flush() {
  // Behind the notices: who reads this number finds all that it covers announced.
  fabric_.watermarks[home_].number.store(last_number_, std::memory_order_release);
}

TopicLink& TopicTable::link_to(Topic& topic, unsigned core) {
  for (const auto& link : topic.links) {
    if (link->reader_core == core) return *link;
  }
  auto link = std::make_unique<TopicLink>(topic, core, on_notice, on_release);
  link->oldest = topic.oldest();
  link->oldest_serial.store(topic.oldest_serial(), std::memory_order_relaxed);
  link->released_serial.store(topic.oldest_serial(), std::memory_order_relaxed);
  topic.links.push_back(std::move(link));
  return *topic.links.back();
}

Result<TopicLink*> TopicTable::attach(std::string_view name, unsigned core) {
  auto topic = find_or_create(name, true);
  if (!topic) return std::unexpected(std::move(topic.error()));
  return &link_to(**topic, core);
}

void TopicTable::detach(TopicLink& link) {
  Topic& topic = link.topic;
  const auto found =
      std::ranges::find_if(topic.links, [&](const auto& each) { return each.get() == &link; });
  RINGCAST_CHECK(found != topic.links.end());
  // The reader deletes it when it gets the answer.
  [[maybe_unused]] const TopicLink* const detached = found->release();
  topic.links.erase(found);
  tidy(topic);
}

void TopicTable::released(TopicLink& link) { tidy(link.topic); }

void TopicTable::tidy(Topic& topic) { allocated_ -= topic.free_released(); }

TopicTable::Watched TopicTable::watch(std::string_view pattern, unsigned core, std::size_t most) {
  const auto found = std::ranges::find_if(
      watches_, [&](const Watch& watch) { return watch.core == core && watch.pattern == pattern; });
  if (found == watches_.end()) {
    watches_.push_back({std::string(pattern), core, 1});
  } else {
    ++found->count;
  }
  Watched watched;
  std::vector<Topic*> matching;
  for (Topic* topic : by_age_) {
    if (!topic_matches(pattern, topic->name())) continue;
    if (matching.size() == most) {
      watched.too_many = true;
      return watched;
    }
    matching.push_back(topic);
  }
  watched.links.reserve(matching.size());
  for (Topic* topic : matching) watched.links.push_back(&link_to(*topic, core));
  watched.removed_number = removed_.last_matching(pattern);
  return watched;
}

void TopicTable::unwatch(std::string_view pattern, unsigned core) {
  const auto found = std::ranges::find_if(
      watches_, [&](const Watch& watch) { return watch.core == core && watch.pattern == pattern; });
  if (found != watches_.end() && --found->count == 0) watches_.erase(found);
}

// erase() fills a gap with the last topic: from the back to the front none slips by.
void TopicTable::describe(std::size_t& before, std::size_t most,
                          std::vector<TopicInfo>& out) const {
  for (before = std::min(before, by_age_.size()); before > 0 && most > 0; --most) {
    const Topic* const topic = by_age_[--before];
    std::uint64_t subscribers = 0;
    for (const auto& link : topic->links) {
      subscribers += link->subscribers.load(std::memory_order_relaxed);
    }
    const bool empty = topic->events() == 0;
    out.push_back({topic->name(), topic->events(), topic->bytes(), subscribers,
                   empty ? 0 : topic->first_number(), empty ? 0 : topic->last_number()});
  }
}

void TopicTable::maintain() {
  if (intake_ != Intake::open) return;
  const std::int64_t now = now_ms();
  for (std::size_t n = std::min(kMaintainedPerCall, by_age_.size()); n > 0; --n) {
    maintained_ = maintained_ + 1 < by_age_.size() ? maintained_ + 1 : 0;
    Topic& topic = *by_age_[maintained_];
    const std::uint64_t bytes_before = topic.bytes();
    if (topic.trim(now)) mark(topic);
    live_bytes_ -= bytes_before - topic.bytes();
    tidy(topic);
    if (topic.events() > 0 || topic.holds > 0 || topic.dirty) continue;
    if (topic.links.empty()) {
      erase(topic);
      if (by_age_.empty()) break;
    } else if (!topic.awaited) {
      move(topic, true);  // without room there it goes on to count as it did
    }
  }
  counters.log_bytes.set(live_bytes_);
  counters.allocated_bytes.set(allocated_);
}

std::unexpected<Error> TopicTable::refuse_ended() {
  return fail("handed_over", "Another process has taken over from this one; send it again.");
}

void TopicTable::set_intake(Intake intake) {
  intake_ = intake;
  if (intake == Intake::held) return;
  for (Message* const call : std::exchange(held_back_, {})) reactor_.send_to(reactor_, *call);
}

std::vector<const Topic*> TopicTable::topics_by_age() {
  std::vector<const Topic*> topics;
  topics.reserve(by_age_.size());
  quiet_first_.for_each([&](const Topic& topic) { topics.push_back(&topic); });
  return topics;
}

Result<Topic*> TopicTable::restore(std::string_view name, std::uint64_t evicted_number,
                                   std::int64_t last_append_ms) {
  auto topic = find_or_create(name, last_append_ms == 0);
  if (topic) (*topic)->restore(evicted_number, last_append_ms);
  return topic;
}

void TopicTable::restore_event(Topic& topic, std::string_view event, std::uint64_t number,
                               std::int64_t time_ms) {
  const Size before = size_of(topic);
  topic.append_written(event, number, time_ms);
  grew(topic, before, now_ms());
}

void TopicTable::restore_last_number(std::uint64_t number) {
  last_number_ = number;
  fabric_.watermarks[home_].number.store(number, std::memory_order_release);
  counters.log_bytes.set(live_bytes_);
  counters.allocated_bytes.set(allocated_);
}

void TopicTable::erase(Topic& topic) {
  removed_.add(topic.name(), std::max(topic.evicted_number(), topic.last_number()));
  allocated_ -= topic.allocated_bytes();
  places(topic.awaited).fetch_sub(1, std::memory_order_relaxed);
  by_age_[maintained_] = by_age_.back();
  by_age_.pop_back();
  topic.unlink();
  topics_.erase(topics_.find(topic.name()));
  counters.topics.set(topics_.size());
}

}  // namespace ringcast
