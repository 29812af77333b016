// The hub of a core: its subscribers, and the sweep that serves them.
//
// The sweep runs in every turn of the reactor: it starts at most `sends_per_round` sends, topic by
// topic in turn, and comes back after completions were looked at. A send carries everything between
// the subscriber's cursor and the head at that moment, so events published during a sweep go to
// everyone who was not visited yet: coalescing grows with load by itself, and an idle system sends
// at once.
//
// One core only; what it learns from home cores arrives as notices (core/topic_link.h).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/admission.h"
#include "core/client_places.h"
#include "core/counter.h"
#include "core/event_stream.h"
#include "core/fabric.h"
#include "core/hub_options.h"
#include "core/merge.h"
#include "core/reactor.h"
#include "core/subscriber.h"
#include "core/topic_view.h"

namespace ringcast {

// What a subscriber asks for.
struct Subscription {
  enum class From : std::uint8_t { latest, earliest, after_id };

  std::vector<std::string> topics;    // names; several or none
  std::vector<std::string> patterns;  // with `*`
  std::vector<std::string> types;     // empty: every type
  From from = From::latest;
  std::string last_id;  // with after_id: as the client sent it
  std::string head;     // what the subscriber gets first, such as the response head
  // Follow the head by an id without an event, so that whoever is cut off before its first event
  // resumes from where it began.
  bool announce_position = false;
  // When it ends, whatever there still is, after these bytes; 0: it does not. Of the reactor's
  // clock.
  std::int64_t ends_at_ns = 0;
  std::string_view ends_with;              // of static storage
  std::string name;                        // events that except this name are left out
  WireForm* form = nullptr;                // null: the event stream's
  std::shared_ptr<SubscriberInput> input;  // null: nothing is received
  ClientPlaces::Place place;               // given back when it ends
  std::shared_ptr<const void> owner;       // whose it is; for whoever asks the hub later

  bool plain() const {
    return topics.size() == 1 && patterns.empty() && types.empty() && name.empty();
  }
  bool empty() const { return topics.empty() && patterns.empty(); }
};

// What a subscription reaches when it begins: the views of its topics, followed by those of its
// patterns; and where matching topics were removed, the last number in them.
struct Reached {
  struct Removed {
    std::string pattern;
    unsigned home;
    std::uint64_t last_number;
  };
  std::vector<TopicView*> views;
  std::vector<Removed> removed;
  bool too_many = false;  // patterns match more than one subscriber may follow
};

class Hub final : public TurnHook {
 public:
  Hub(Reactor& reactor, Fabric& fabric, Admission& admission, const HubOptions& options);
  ~Hub();

  void set_options(const HubOptions& options) { options_ = options; }
  const HubOptions& options() const { return options_; }

  // The view of a topic that this core follows already; null if it does not yet.
  TopicView* find_view(std::string_view topic);
  TopicView& view_of(TopicLink& link);  // makes it if need be
  void noticed(TopicLink& link);        // the home says that the topic moved

  // One subscriber with this pattern is gone: the homes need not tell of new topics for its sake.
  void unwatch(const std::string& pattern);

  // Subscriptions with patterns that wait for the homes' answers: until they join, no view retires,
  // since it may be one that was announced for their sake.
  unsigned joining_patterns = 0;

  // Takes the socket over: from here on the hub serves it and closes it. The views reached are
  // held by the caller.
  Subscriber& join(Descriptor fd, Subscription&& subscription, Reached reached);

  // --- for subscribers with an input ---

  // Bytes for this subscriber alone, sent in the order in which they are given, between events.
  void say(Subscriber& subscriber, std::string_view bytes);
  static std::size_t unsaid_bytes(const Subscriber& subscriber);
  // After these bytes nothing more is sent: our side ends, and the peer is given time to end its
  // own.
  void end(Subscriber& subscriber, std::string_view last_bytes, CloseReason reason);
  // Receives on after SubscriberInput::received() said false.
  void receive(Subscriber& subscriber);
  // The one in this slot, unless it has gone or closes; null then.
  Subscriber* find(std::uint32_t slot, std::uint32_t serial);
  // All that are open, in no order.
  template <class Visit>
  void for_each(Visit visit) {
    for (const auto& subscriber : slots_) {
      if (subscriber && subscriber->state != SubscriberState::closing) visit(*subscriber);
    }
  }
  // The same for those in the next `most` slots from `at`, which moves on. False: there are no
  // more.
  template <class Visit>
  bool for_some(std::size_t& at, std::size_t most, Visit visit) {
    for (; at < slots_.size() && most > 0; ++at, --most) {
      if (slots_[at] && slots_[at]->state != SubscriberState::closing) visit(*slots_[at]);
    }
    return at < slots_.size();
  }
  // Subscription::owner, which may change.
  std::shared_ptr<const void> owner_of(const Subscriber& subscriber) const {
    return subscriber.slot < owners_.size() ? owners_[subscriber.slot] : nullptr;
  }
  void set_owner(const Subscriber& subscriber, std::shared_ptr<const void> owner);
  // Ends it at a time of the reactor's clock, with these bytes, of static storage.
  void end_at(const Subscriber& subscriber, std::int64_t at_ns, std::string_view last_bytes,
              CloseReason reason);
  // Ends it at once, whatever it is in the midst of.
  void disconnect(Subscriber& subscriber) { close(subscriber, CloseReason::replaced); }
  // While paused it gets no events, and keeps its place in the log.
  void pause(Subscriber& subscriber);
  void unpause(Subscriber& subscriber);
  // Awaitable: resumes when no send is in flight, with false if the subscriber has closed. One
  // waiter at a time.
  class Still;
  static Still still(std::shared_ptr<SubscriberInput> input);
  // Of a subscriber that is still: follows more topics, or no longer these. more.head is sent
  // before what follows from it.
  void add_topics(Subscriber& subscriber, Subscription&& more, Reached reached);
  // False: it does not follow this topic or pattern.
  bool remove_topic(Subscriber& subscriber, std::string_view topic_or_pattern);

  // Ends all streams as soon as they have everything that was published, on any core, before this
  // was called; with a jittered `retry:`. Not more than so many in a second, in random order, and
  // so that not more of their clients come back in one either; 0: without such a limit.
  void drain(double streams_per_s = 0);
  void close_all(CloseReason reason);
  std::size_t subscribers() const { return live_; }

  void before_messages() override;
  bool run_turn() override;
  void maintain();  // called often; each call does a share of the periodic work

  struct Counters {
    Counter joined, sends, send_bytes, deliveries, heartbeats, send_errors, views;
    std::array<Counter, 5> gaps;  // by GapReason
    std::array<Counter, static_cast<std::size_t>(CloseReason::count)> closed;
    Counter subscribers, refused_pattern_topics;
    Counter behind, lag_events;          // as of the last round of maintain()
    Counter received_bytes, form_bytes;  // of all logs in other forms, as of the last round
    Histogram<10> session_seconds{{0.1, 1, 10, 60, 300, 900, 3600, 14400, 86400, 604800}};
  } counters;

 private:
  friend class Subscriber;
  enum OperationTag : std::uint8_t { kSendTag, kPollTag, kShutdownTag, kCloseTag, kReceiveTag };

  struct Start {
    Cursor cursor;
    bool gap = false;
    Gap what{};
    unsigned home = 0;
    std::uint64_t gone = 0;  // with a gap: everything up to this number is gone
  };
  Start start_of(TopicView& view, const Subscription& subscription, const ParsedId& parsed,
                 const Position& latest);
  Position latest_position() const;     // of everything that is published
  Position announced_position() const;  // of what this core has been told of
  void add_announced(const Subscription& subscription, std::vector<TopicView*>& views) const;
  void join_plain(Subscriber& subscriber, Subscription& subscription, TopicView& view);
  void join_merge(Subscriber& subscriber, Subscription& subscription, const Reached& reached);
  // What a subscriber that resumes missed in topics that are there no more.
  void add_removed(const Reached& reached, const Subscription& subscription, const ParsedId& parsed,
                   std::vector<Start>& gaps) const;
  void become_merge(Subscriber& subscriber);
  // Gaps are appended to subscription.head.
  void add_members(Subscriber& subscriber, Subscription& subscription, const Reached& reached);

  // Subscribers whose time will come, the next first; some of them are gone already.
  struct Ending {
    std::int64_t at_ns;
    std::uint32_t slot;
    std::uint32_t serial;
    CloseReason reason;
    std::string_view with;
    bool operator<(const Ending& other) const { return at_ns > other.at_ns; }
  };
  void end_due();

  // A subscriber whose turn to leave has not come yet, while the hub drains.
  struct Leaving {
    std::uint32_t slot;
    std::uint32_t serial;
  };

  Subscriber& add(Descriptor fd);
  void remove(Subscriber& subscriber);
  static void completed(Completion& completion, std::int32_t result, std::uint32_t flags,
                        unsigned tag);
  void sent(Subscriber& subscriber, std::int32_t result);
  void send_ended(Subscriber& subscriber, bool whole);
  void go_on(Subscriber& subscriber);
  void half_close(Subscriber& subscriber);
  static Operation receive_operation(Subscriber& subscriber);
  void close_input(Subscriber& subscriber);
  void received(Subscriber& subscriber, std::int32_t result, std::uint32_t flags);
  void queue(Subscriber& subscriber);  // it has something to send
  void rest(Subscriber& subscriber);   // it has everything
  bool has_more(Subscriber& subscriber);
  bool start(Subscriber& subscriber);  // starts a send; false if there was nothing to send
  bool start_own(Subscriber& subscriber);
  bool start_range(Subscriber& subscriber);
  bool start_beat(Subscriber& subscriber);
  bool start_merge(Subscriber& subscriber);
  void send(Subscriber& subscriber, const char* bytes, std::uint32_t size);
  void lagged(Subscriber& subscriber, TopicView& view, Cursor& cursor,
              MergeMember* member = nullptr);
  void give(Subscriber& subscriber, std::string_view own_bytes);
  void say_farewell(Subscriber& subscriber);
  void end_all();
  void end_some();
  void end_after_all(Subscriber& subscriber);
  std::uint32_t next_retry_ms();
  // Goes to a home and back: what was published there before is announced here when it returns.
  struct DrainMessage : Message {
    explicit DrainMessage(Hub& of);
    static void at_home(Message& message);
    static void returned(Message& message);
    Hub& hub;
  };
  void poll(Subscriber& subscriber);
  void check_heard(Subscriber& subscriber, Duplex& duplex);
  void leave(TopicView& view);  // a subscriber of it has gone
  void close(Subscriber& subscriber, CloseReason reason);
  void finish_close(Subscriber& subscriber);
  void look_at(TopicView& view);
  void release(TopicView& view);
  void retire(TopicView& view);
  void check(Subscriber& subscriber);
  void activate(TopicView& view);
  std::uint32_t now_ms() const { return static_cast<std::uint32_t>(reactor_.now_ns() / 1'000'000); }

  Reactor& reactor_;
  Fabric& fabric_;
  Admission& admission_;
  HubOptions options_;
  bool draining_ = false;
  unsigned drain_answers_due_ = 0;
  double leaving_per_s_ = 0;  // 0: all at once
  double may_leave_ = 0;      // how many of them now
  std::int64_t looked_at_leaving_ns_ = 0;
  std::vector<Leaving> leaving_;                 // the next one last
  std::vector<std::uint32_t> retry_ms_of_slot_;  // of those that leave
  std::vector<std::uint32_t> places_;            // in which the next so many come back
  std::size_t at_place_ = 0;
  std::vector<std::unique_ptr<DrainMessage>> drain_messages_;
  std::minstd_rand jitter_;
  std::array<std::uint64_t, kMostHomes> watermarks_{};  // as of before this turn's messages
  std::array<std::uint64_t, kMostHomes> announced_{};   // everything up to here was looked at
  std::unordered_map<std::string_view, std::unique_ptr<TopicView>> views_;
  std::vector<TopicView*> marked_;
  List<TopicView> active_;  // with somebody ready
  List<Subscriber> merges_ready_;
  std::vector<Subscriber*> merges_with_patterns_;
  std::vector<std::unique_ptr<Subscriber>> slots_;
  std::vector<ClientPlaces::Place> client_places_;   // by slot, as far as any have one
  std::vector<std::shared_ptr<const void>> owners_;  // likewise
  std::vector<std::uint32_t> free_slots_;
  std::vector<Ending> endings_;  // a heap
  std::size_t live_ = 0;
  std::uint32_t last_serial_ = 0;
  std::size_t checked_ = 0;
  std::uint64_t behind_ = 0;  // counted in this round of maintain()
  std::uint64_t lag_numbers_ = 0;
  std::vector<TopicView*> view_list_;
  std::size_t checked_view_ = 0;
  std::uint64_t form_bytes_ = 0;  // counted in this round over the views
  std::vector<std::vector<char>> spare_buffers_;
};

// The awaitable behind Hub::still().
class Hub::Still {
 public:
  explicit Still(std::shared_ptr<SubscriberInput> input) : input_(std::move(input)) {}
  bool await_ready() {
    Subscriber* const subscriber = input_->subscriber();
    waiter_.open = subscriber != nullptr;
    return subscriber == nullptr || subscriber->state != SubscriberState::sending;
  }
  void await_suspend(std::coroutine_handle<> handle) {
    Duplex& duplex = *input_->subscriber()->duplex;
    RINGCAST_CHECK(duplex.still == nullptr);
    waiter_.handle = handle;
    duplex.still = &waiter_;
  }
  bool await_resume() const { return waiter_.open; }

 private:
  std::shared_ptr<SubscriberInput> input_;
  StillWaiter waiter_;
};

inline Hub::Still Hub::still(std::shared_ptr<SubscriberInput> input) {
  return Still(std::move(input));
}

}  // namespace ringcast
