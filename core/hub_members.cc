// Who follows what: joining, gaps, leaving, and the periodic look at everyone.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "core/hub.h"
#include "core/shard.h"

namespace ringcast {
namespace {

constexpr std::uint32_t kRoundMs = 500;  // every subscriber is looked at once in this time
constexpr std::size_t kViewsPerCall = 256;

struct UnwatchMessage : Message {
  UnwatchMessage(std::string text, unsigned from)
      : Message(run), pattern(std::move(text)), core(from) {}
  static void run(Message& message) {
    const std::unique_ptr<UnwatchMessage> self(static_cast<UnwatchMessage*>(&message));
    Shard::current().topics()->unwatch(self->pattern, self->core);
  }
  std::string pattern;
  unsigned core;
};

// Goes to the home, which lets go of the link, and back, when nothing can reach the link any more.
struct DetachMessage : Message {
  DetachMessage(TopicLink& of, Reactor& reader, std::unique_ptr<TopicView> with)
      : Message(at_home), link(&of), back(reader), view(std::move(with)) {}
  static void at_home(Message& message) {
    auto& self = static_cast<DetachMessage&>(message);
    Shard::current().topics()->detach(*self.link);
    self.handler = [](Message& returned) { delete static_cast<DetachMessage*>(&returned); };
    Reactor::current()->send_to(self.back, self);
  }
  std::unique_ptr<TopicLink> link;
  Reactor& back;
  std::unique_ptr<TopicView> view;
};

GapReason reason_of(IdProblem problem) {
  return problem == IdProblem::epoch ? GapReason::epoch : GapReason::malformed;
}

}  // namespace

std::string_view close_reason_name(CloseReason reason) {
  constexpr std::array<std::string_view, static_cast<std::size_t>(CloseReason::count)> kNames = {
      "client", "error", "timeout", "lag", "drain", "replaced", "expired", "revoked"};
  return kNames[static_cast<std::size_t>(reason)];
}

OwnBytes* OwnBytes::create(std::string_view text) {
  void* memory = FramePool::allocate(sizeof(OwnBytes) + text.size());
  auto* own = new (memory) OwnBytes{static_cast<std::uint32_t>(text.size())};
  std::memcpy(own->bytes(), text.data(), text.size());
  return own;
}

void OwnBytes::destroy(OwnBytes* own) {
  if (own != nullptr) FramePool::release(own, sizeof(OwnBytes) + own->size);
}

Subscriber::Subscriber(Hub& of) : Completion(Hub::completed), hub(of), form(&event_stream_form()) {}

Subscriber::~Subscriber() {
  OwnBytes::destroy(own);
  OwnBytes::destroy(own_in_flight);
}

TopicView* Hub::find_view(std::string_view topic) {
  const auto found = views_.find(topic);
  return found == views_.end() ? nullptr : found->second.get();
}

TopicView& Hub::view_of(TopicLink& link) {
  if (link.view != nullptr) return *link.view;
  auto made = std::make_unique<TopicView>(link);
  TopicView& view = *made;
  view.unused_since_ns = reactor_.now_ns();
  views_.emplace(view.name(), std::move(made));
  view_list_.push_back(&view);
  counters.views.set(views_.size());
  // A new topic may be one that somebody's pattern is waiting for.
  for (Subscriber* subscriber : merges_with_patterns_) {
    Merge& merge = *subscriber->merge;
    if (subscriber->state == SubscriberState::closing) continue;
    if (!merge.matches(view.name()) || merge.has(view)) continue;
    if (merge.members().size() >= options_.max_pattern_topics) {
      counters.refused_pattern_topics.add();
      continue;
    }
    const unsigned home = fabric_.home_of(view.name());
    merge.add(*subscriber, view, view.follow(merge.position.number[home]));
    link.subscribers.fetch_add(1, std::memory_order_relaxed);
    if (merge.pending()) queue(*subscriber);
  }
  return view;
}

void Hub::set_owner(const Subscriber& subscriber, std::shared_ptr<const void> owner) {
  if (owners_.size() <= subscriber.slot) owners_.resize(slots_.size());
  owners_[subscriber.slot] = std::move(owner);
}

void Hub::unwatch(const std::string& pattern) {
  for (unsigned home = 0; home < fabric_.homes(); ++home) {
    auto message = std::make_unique<UnwatchMessage>(pattern, reactor_.core());
    reactor_.send_to(fabric_.shards[home]->reactor(), *message.release());
  }
}

Subscriber& Hub::add(Descriptor fd) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  slots_[slot] = std::make_unique<Subscriber>(*this);
  Subscriber& subscriber = *slots_[slot];
  subscriber.slot = slot;
  subscriber.serial = ++last_serial_;
  subscriber.fd = fd;
  subscriber.started_ms = subscriber.last_send_ms = now_ms();
  ++live_;
  counters.joined.add();
  counters.subscribers.set(live_);
  return subscriber;
}

Subscriber* Hub::find(std::uint32_t slot, std::uint32_t serial) {
  if (slot >= slots_.size() || !slots_[slot] || slots_[slot]->serial != serial) return nullptr;
  return slots_[slot]->state == SubscriberState::closing ? nullptr : slots_[slot].get();
}

Position Hub::latest_position() const {
  Position position;
  for (unsigned home = 0; home < fabric_.homes(); ++home) {
    position.number[home] = fabric_.watermarks[home].number.load(std::memory_order_acquire);
  }
  if (TopicTable* table = fabric_.shards[reactor_.core()]->topics()) {
    position.number[reactor_.core()] = table->last_number();
  }
  return position;
}

Position Hub::announced_position() const {
  Position position;
  for (unsigned home = 0; home < fabric_.homes(); ++home) {
    // A home's first number, where it has not been heard of: never zero.
    position.number[home] = std::max<std::uint64_t>(announced_[home], fabric_.homes() + home);
  }
  return position;
}

Hub::Start Hub::start_of(TopicView& view, const Subscription& subscription, const ParsedId& parsed,
                         const Position& latest) {
  if (subscription.from == Subscription::From::latest) return {.cursor = view.head()};
  if (subscription.from == Subscription::From::earliest) return {.cursor = view.earliest()};
  Start start;
  const unsigned home = start.home = fabric_.home_of(view.name());
  const std::uint64_t number = parsed.position.number[home];
  std::uint64_t newest = latest.number[home];
  newest = std::max(newest, view.head().number);
  if (parsed.problem != IdProblem::none) {
    start.what.reason = reason_of(parsed.problem);
  } else if (number == 0 || number > newest) {
    start.what.reason = GapReason::unknown;
  } else {
    start.cursor = view.after(number);
    // Asked last: what its home evicts while we look is missing there or is said here.
    if (number >= view.topic().evicted_number()) return start;
    start.what.reason = GapReason::evicted;
  }
  start.gap = true;
  start.gone = view.topic().evicted_number();
  start.cursor = view.earliest();
  start.what.requested = subscription.last_id;
  start.what.topic = view.name();
  const bool empty = !view.has_event(start.cursor);
  start.what.earliest = empty ? 0 : start.cursor.segment->record(start.cursor.record).number;
  return start;
}

// Adds the topics that were announced while the homes answered one after the other: they came into
// being after their home had answered, and before anybody here waited for them.
void Hub::add_announced(const Subscription& subscription, std::vector<TopicView*>& views) const {
  std::vector<TopicView*> had = views;
  std::ranges::sort(had);
  for (TopicView* view : view_list_) {
    const bool wanted = std::ranges::any_of(subscription.patterns, [&](const std::string& pattern) {
      return topic_matches(pattern, view->name());
    });
    if (wanted && !std::ranges::binary_search(had, view)) views.push_back(view);
  }
}

Subscriber& Hub::join(Descriptor fd, Subscription&& subscription, Reached reached) {
  if (!subscription.patterns.empty()) add_announced(subscription, reached.views);
  Subscriber& subscriber = add(fd);
  if (subscription.form != nullptr) subscriber.form = subscription.form;
  if (subscription.place) {
    if (client_places_.size() <= subscriber.slot) client_places_.resize(slots_.size());
    client_places_[subscriber.slot] = std::move(subscription.place);
  }
  if (subscription.owner) set_owner(subscriber, std::move(subscription.owner));
  if (subscription.input) subscription.input->joining(subscriber, subscription.head);
  if (subscription.plain()) {
    join_plain(subscriber, subscription, *reached.views.front());
  } else if (!subscription.empty()) {
    join_merge(subscriber, subscription, reached);
  }
  give(subscriber, subscription.head);
  if (draining_ && drain_answers_due_ == 0) end_after_all(subscriber);
  if (subscription.ends_at_ns != 0) {
    end_at(subscriber, subscription.ends_at_ns, subscription.ends_with, CloseReason::expired);
  }
  if (subscription.input) {
    subscriber.duplex = std::make_unique<Duplex>();
    subscriber.duplex->input = std::move(subscription.input);
    subscriber.duplex->input->subscriber_ = &subscriber;
    subscriber.duplex->last_heard_ms = now_ms();
    receive(subscriber);
  } else {
    poll(subscriber);
  }
  queue(subscriber);
  return subscriber;
}

void Hub::join_plain(Subscriber& subscriber, Subscription& subscription, TopicView& view) {
  const ParsedId parsed = fabric_.ids.parse(subscription.last_id);
  const Start start = start_of(view, subscription, parsed, latest_position());
  subscriber.view = &view;
  subscriber.cursor = start.cursor;
  if (start.gap) {
    const auto reason = static_cast<std::size_t>(start.what.reason);
    counters.gaps[reason].add();
    subscriber.form->append_gap(subscription.head, start.what, fabric_.ids.text(start.gone),
                                fabric_.ids);
  } else if (subscription.announce_position) {
    subscriber.form->append_id(subscription.head, fabric_.ids.text(start.cursor.number));
  }
  ++view.subscribers;
  view.link().subscribers.fetch_add(1, std::memory_order_relaxed);
}

void Hub::add_removed(const Reached& reached, const Subscription& subscription,
                      const ParsedId& parsed, std::vector<Start>& gaps) const {
  if (subscription.from != Subscription::From::after_id) return;
  if (parsed.problem != IdProblem::none) return;
  for (const Reached::Removed& removed : reached.removed) {
    const std::uint64_t number = parsed.position.number[removed.home];
    if (number >= removed.last_number) continue;
    const GapReason reason = number == 0 ? GapReason::unknown : GapReason::evicted;
    gaps.push_back({.cursor = {},
                    .gap = true,
                    .what = {.reason = reason,
                             .requested = subscription.last_id,
                             .topic = removed.pattern,
                             .earliest = 0},
                    .home = removed.home,
                    .gone = removed.last_number});
  }
}

void Hub::join_merge(Subscriber& subscriber, Subscription& subscription, const Reached& reached) {
  subscriber.merge = std::make_unique<Merge>();
  Merge& merge = *subscriber.merge;
  merge.names = subscription.topics;
  merge.patterns = std::move(subscription.patterns);
  merge.types = std::move(subscription.types);
  merge.subscriber_name = std::move(subscription.name);
  const ParsedId parsed = fabric_.ids.parse(subscription.last_id);
  const Position latest = latest_position();
  // A topic that a pattern reaches may have been published to and not yet been announced here: its
  // events must lie behind the position.
  const Position announced = announced_position();
  merge.position = announced;
  const bool resumes = subscription.from == Subscription::From::after_id;
  std::vector<Start> gaps;
  std::array<std::uint64_t, kMostHomes> lowest = announced.number;
  for (TopicView* view : reached.views) {
    const unsigned home = fabric_.home_of(view->name());
    Start start = start_of(*view, subscription, parsed, latest);
    if (subscription.from == Subscription::From::latest) {
      start.cursor = view->after(latest.number[home]);
    } else if (view->has_event(start.cursor)) {
      const std::uint64_t first = start.cursor.segment->record(start.cursor.record).number;
      lowest[home] = std::min(lowest[home], first - fabric_.homes());
    }
    if (start.gap) gaps.push_back(start);
    merge.add(subscriber, *view, start.cursor);
    view->link().subscribers.fetch_add(1, std::memory_order_relaxed);
  }
  add_removed(reached, subscription, parsed, gaps);
  if (subscription.from != Subscription::From::latest) merge.position.number = lowest;
  for (unsigned home = 0; resumes && home < fabric_.homes(); ++home) {
    // Where nothing is missing, the client's own position stands.
    const std::uint64_t known = parsed.position.number[home];
    const bool gap_here =
        std::ranges::any_of(gaps, [home](const Start& gap) { return gap.home == home; });
    if (known != 0 && known <= latest.number[home] && !gap_here)
      merge.position.number[home] = known;
  }
  if (gaps.empty() && resumes && parsed.problem != IdProblem::none) {
    // No topic is there yet that could tell the client that what it had is gone.
    for (const std::string& pattern : merge.patterns) {
      gaps.push_back({.cursor = {},
                      .gap = true,
                      .what = {.reason = reason_of(parsed.problem),
                               .requested = subscription.last_id,
                               .topic = pattern,
                               .earliest = 0}});
    }
  }
  for (const Start& gap : gaps) {
    counters.gaps[static_cast<std::size_t>(gap.what.reason)].add();
    // Only the last one moves the client on: if it breaks off before, it is told all of them again.
    const std::string resume = &gap == &gaps.back() ? merge.resume_id(fabric_.ids) : std::string{};
    subscriber.form->append_gap(subscription.head, gap.what, resume, fabric_.ids);
  }
  if (gaps.empty() && subscription.announce_position) {
    subscriber.form->append_id(subscription.head, merge.resume_id(fabric_.ids));
  }
  if (!merge.patterns.empty()) merges_with_patterns_.push_back(&subscriber);
}

// To one that follows something already. What it gets of earlier events says where it is in that
// topic alone; its position in the others stands (Merge::write).
void Hub::add_members(Subscriber& subscriber, Subscription& subscription, const Reached& reached) {
  Merge& merge = *subscriber.merge;
  const bool watched = !merge.patterns.empty();
  if (!subscription.name.empty()) merge.subscriber_name = std::move(subscription.name);
  const auto add_new = [](std::vector<std::string>& to, std::vector<std::string>& from) {
    for (std::string& name : from) {
      if (std::ranges::find(to, name) == to.end()) to.push_back(std::move(name));
    }
  };
  add_new(merge.names, subscription.topics);
  add_new(merge.patterns, subscription.patterns);
  const ParsedId parsed = fabric_.ids.parse(subscription.last_id);
  const Position latest = latest_position();
  std::vector<Start> gaps;
  std::unordered_set<const TopicView*> followed;
  for (const auto& member : merge.members()) followed.insert(&member->view);
  for (TopicView* view : reached.views) {
    if (followed.contains(view)) continue;
    const Start start = start_of(*view, subscription, parsed, latest);
    merge.add(subscriber, *view, start.cursor);
    view->link().subscribers.fetch_add(1, std::memory_order_relaxed);
    if (start.gap) gaps.push_back(start);
  }
  add_removed(reached, subscription, parsed, gaps);
  for (const Start& gap : gaps) {
    counters.gaps[static_cast<std::size_t>(gap.what.reason)].add();
    subscriber.form->append_gap(subscription.head, gap.what, fabric_.ids.text(gap.gone),
                                fabric_.ids);
  }
  if (!watched && !merge.patterns.empty()) merges_with_patterns_.push_back(&subscriber);
}

void Hub::lagged(Subscriber& subscriber, TopicView& view, Cursor& cursor, MergeMember* member) {
  if (view.topic().on_lag() == LagPolicy::close) {
    counters.gaps[static_cast<std::size_t>(GapReason::lagged)].add();
    close(subscriber, CloseReason::lag);
    return;
  }
  const std::string had =
      subscriber.merge ? subscriber.merge->resume_id(fabric_.ids) : fabric_.ids.text(cursor.number);
  cursor = view.earliest();
  Gap gap{.reason = GapReason::lagged, .requested = had, .topic = view.name(), .earliest = 0};
  if (view.has_event(cursor)) {
    gap.earliest = cursor.segment->record(cursor.record).number;
  }
  counters.gaps[static_cast<std::size_t>(GapReason::lagged)].add();
  if (member != nullptr) {
    const unsigned home = fabric_.home_of(view.name());
    subscriber.merge->wake(*member);
    subscriber.merge->skip_gone(home, watermarks_[home], fabric_.ids);
  }
  std::string text;
  const std::string resume = subscriber.merge ? subscriber.merge->resume_id(fabric_.ids)
                                              : fabric_.ids.text(view.topic().evicted_number());
  subscriber.form->append_gap(text, gap, resume, fabric_.ids);
  give(subscriber, text);
}

void Hub::give(Subscriber& subscriber, std::string_view own_bytes) {
  if (own_bytes.empty()) return;
  if (subscriber.own == nullptr) {
    subscriber.own = OwnBytes::create(own_bytes);
    return;
  }
  const std::string_view had{subscriber.own->bytes(), subscriber.own->size};
  OwnBytes* const both = OwnBytes::create(std::string(had).append(own_bytes));
  OwnBytes::destroy(std::exchange(subscriber.own, both));
}

void Hub::close_all(CloseReason reason) {
  for (const auto& subscriber : slots_) {
    if (subscriber) close(*subscriber, reason);
  }
}

void Hub::leave(TopicView& view) {
  view.link().subscribers.fetch_sub(1, std::memory_order_relaxed);
  view.unused_since_ns = reactor_.now_ns();
}

void Hub::remove(Subscriber& subscriber) {
  if (subscriber.merge) {
    for (const auto& member : subscriber.merge->members()) {
      --member->view.subscribers;
      leave(member->view);
    }
    std::erase(merges_with_patterns_, &subscriber);
    for (const std::string& pattern : subscriber.merge->patterns) unwatch(pattern);
  } else if (subscriber.view != nullptr) {
    --subscriber.view->subscribers;
    leave(*subscriber.view);
  }
  counters.session_seconds.observe((now_ms() - subscriber.started_ms) / 1000.0);
  const std::uint32_t slot = subscriber.slot;
  slots_[slot].reset();
  if (slot < client_places_.size()) client_places_[slot].reset();
  if (slot < owners_.size()) owners_[slot].reset();
  free_slots_.push_back(slot);
  --live_;
  counters.subscribers.set(live_);
  admission_.leave();
}

// Whoever also speaks answers a ping, or is gone.
void Hub::check_heard(Subscriber& subscriber, Duplex& duplex) {
  const std::uint32_t silent_ms = now_ms() - duplex.last_heard_ms;
  if (options_.ping_ms == 0 || silent_ms < options_.ping_ms) return;
  if (silent_ms >= options_.ping_ms + options_.pong_timeout_ms && duplex.pinged) {
    close(subscriber, CloseReason::timeout);
  } else if (!duplex.pinged) {
    duplex.pinged = true;
    subscriber.beat = true;
    if (subscriber.state == SubscriberState::idle) queue(subscriber);
  }
}

void Hub::check(Subscriber& subscriber) {
  const std::uint32_t quiet_ms = now_ms() - subscriber.last_send_ms;
  const bool open =
      subscriber.state != SubscriberState::closing && subscriber.state != SubscriberState::ending;
  if (subscriber.duplex && open) check_heard(subscriber, *subscriber.duplex);
  switch (subscriber.state) {
    case SubscriberState::idle:
      if (subscriber.duplex) return;
      if (options_.heartbeat_ms == 0 || quiet_ms < options_.heartbeat_ms) return;
      subscriber.beat = true;
      queue(subscriber);
      return;
    case SubscriberState::sending:
      ++behind_;
      if (subscriber.view != nullptr) {
        const std::uint64_t head = subscriber.view->head().number;
        lag_numbers_ = std::max(lag_numbers_, head - std::min(head, subscriber.cursor.number));
      }
      if (quiet_ms >= options_.send_timeout_ms) close(subscriber, CloseReason::timeout);
      return;
    case SubscriberState::ending:
      if (quiet_ms >= options_.ending_timeout_ms) close(subscriber, subscriber.reason);
      return;
    default:
      return;
  }
}

void Hub::maintain() {
  end_due();
  end_some();
  const auto calls_per_round =
      std::size_t{kRoundMs} * 1'000'000 / static_cast<std::size_t>(Shard::kMaintainEveryNs);
  const std::size_t share = slots_.size() / calls_per_round + 1;
  for (std::size_t n = std::min(share, slots_.size()); n > 0; --n) {
    if (++checked_ >= slots_.size()) {
      checked_ = 0;
      counters.behind.set(std::exchange(behind_, 0));
      counters.lag_events.set(std::exchange(lag_numbers_, 0) / fabric_.homes());
    }
    if (slots_[checked_]) check(*slots_[checked_]);
  }
  for (std::size_t n = std::min(kViewsPerCall, view_list_.size()); n > 0; --n) {
    checked_view_ = checked_view_ + 1 < view_list_.size() ? checked_view_ + 1 : 0;
    if (checked_view_ == 0) counters.form_bytes.set(std::exchange(form_bytes_, 0));
    TopicView& view = *view_list_[checked_view_];
    form_bytes_ += view.trim_forms(now_ms(), options_.form_linger_ms);
    const std::int64_t unused_ms = (reactor_.now_ns() - view.unused_since_ns) / 1'000'000;
    if (view.subscribers == 0 && view.holds == 0 && !view.marked && joining_patterns == 0 &&
        unused_ms >= options_.view_linger_ms) {
      retire(view);
      if (view_list_.empty()) break;
    }
  }
}

void Hub::retire(TopicView& view) {
  view_list_[checked_view_] = view_list_.back();
  view_list_.pop_back();
  view.retired = true;
  view.unlink();
  const auto found = views_.find(view.name());
  std::unique_ptr<TopicView> owned = std::move(found->second);
  views_.erase(found);
  counters.views.set(views_.size());
  Shard& home = *fabric_.shards[fabric_.home_of(view.name())];
  if (&home.reactor() == &reactor_) {
    // At once: here an attach is not queued behind a message.
    const std::unique_ptr<TopicLink> link(&view.link());
    home.topics()->detach(*link);
    return;
  }
  auto message = std::make_unique<DetachMessage>(view.link(), reactor_, std::move(owned));
  reactor_.send_to(home.reactor(), *message.release());
}

}  // namespace ringcast
