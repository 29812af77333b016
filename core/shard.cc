#include "core/shard.h"

#include <algorithm>
#include <array>
#include <unordered_set>

namespace ringcast {
namespace {

thread_local std::vector<Shard*> shards_here;  // one in the product; several under simulation

}  // namespace

Shard::Shard(Reactor& reactor, Fabric& fabric, Admission& admission, const HubOptions& hub_options,
             const TopicTableOptions& table_options)
    : reactor_(reactor),
      fabric_(fabric),
      table_(reactor.core() < fabric.homes()
                 ? std::make_unique<TopicTable>(reactor, fabric, table_options)
                 : nullptr),
      hub_(reactor, fabric, admission, hub_options),
      maintenance_(*this) {
  if (table_) table_->connect(hub_);
  fabric_.shards[reactor.core()] = this;
  shards_here.push_back(this);
  reactor_.timers().arm(maintenance_, reactor_.now_ns() + kMaintainEveryNs);
}

Shard::~Shard() { std::erase(shards_here, this); }

Shard& Shard::current() {
  const Reactor* const reactor = Reactor::current();
  for (Shard* shard : shards_here) {
    if (&shard->reactor_ == reactor) return *shard;
  }
  RINGCAST_CHECK(false);
}

void Shard::maintain(Timer& timer) {
  Shard& self = static_cast<Maintenance&>(timer).shard;
  if (self.table_) self.table_->maintain();
  self.hub_.maintain();
  self.reactor_.timers().arm(timer, self.reactor_.now_ns() + kMaintainEveryNs);
}

void Shard::configure(const HubOptions& hub_options, const TopicTableOptions& table_options) {
  hub_.set_options(hub_options);
  if (table_) table_->set_options(table_options);
}

// --- publishing ---

Shard::Publish Shard::publish(std::string_view topic, const NewEvent& event) {
  return {reactor_, *fabric_.shards[fabric_.home_of(topic)], topic, event};
}

void Shard::Publish::serve() {
  auto topic = table_.find_to_publish(topic_);
  if (topic) {
    result_ = table_.publish(**topic, event_);
  } else {
    result_ = std::unexpected(std::move(topic.error()));
  }
}

// One home's part of a batch, in two steps: first every topic is there (and stays), then all events
// are appended; nothing can fail in between. A batch that has been prepared at one home is not held
// back at the others: it would keep the first from settling.
class Shard::PublishBatch final : public CoreCall {
 public:
  enum class Step : std::uint8_t { prepare, append, give_up };
  PublishBatch(Reactor& from, Shard& home, Step step, bool first, std::span<BatchEvent> events)
      : CoreCall(from, home.reactor()), home_(home), step_(step), first_(first), events_(events) {}
  Result<void> await_resume() { return std::move(result_); }

 private:
  bool is_at_home(const BatchEvent& item) const {
    return home_.fabric().home_of(item.topic) == home_.reactor().core();
  }
  TopicTable* publishes_to_held() override {
    TopicTable* const table = home_.topics();
    return first_ && step_ == Step::prepare && table->held() ? table : nullptr;
  }
  void serve() override {
    TopicTable& table = *home_.topics();
    for (BatchEvent& item : events_) {
      if (!is_at_home(item)) continue;
      if (step_ == Step::prepare) {
        auto topic = table.find_to_publish(item.topic);
        if (!topic) {
          result_ = std::unexpected(std::move(topic.error()));
          release_before(item, table);
          return;
        }
        table.hold(**topic);
        continue;
      }
      Topic& topic = *table.find(item.topic);
      table.let_go(topic);
      if (step_ == Step::append) item.number = table.publish(topic, item.event);
    }
  }
  void release_before(const BatchEvent& end, TopicTable& table) {
    for (BatchEvent& item : events_) {
      if (&item == &end) return;
      if (is_at_home(item)) table.let_go(*table.find(item.topic));
    }
  }

  Shard& home_;
  Step step_;
  bool first_;
  std::span<BatchEvent> events_;
  Result<void> result_;
};

Task<Result<void>> Shard::publish_batch(std::span<BatchEvent> events) {
  std::array<bool, kMostHomes> involved{};
  for (const BatchEvent& item : events) involved[fabric_.home_of(item.topic)] = true;
  Result<void> result;
  unsigned prepared = 0;
  for (bool first = true; prepared < fabric_.homes() && result; ++prepared) {
    if (!involved[prepared]) continue;
    result = co_await PublishBatch(reactor_, *fabric_.shards[prepared], PublishBatch::Step::prepare,
                                   first, events);
    if (!result) break;
    first = false;
  }
  const auto step = result ? PublishBatch::Step::append : PublishBatch::Step::give_up;
  for (unsigned home = 0; home < prepared; ++home) {
    if (!involved[home]) continue;
    co_await PublishBatch(reactor_, *fabric_.shards[home], step, false, events);
  }
  co_return result;
}

// --- subscribing ---

class Shard::Attach final : public CoreCall {
 public:
  Attach(Reactor& from, Reactor& to, std::string_view topic, unsigned core)
      : CoreCall(from, to), topic_(topic), core_(core) {}
  Result<TopicLink*> await_resume() { return std::move(result_); }

 private:
  void serve() override { result_ = Shard::current().topics()->attach(topic_, core_); }
  std::string_view topic_;
  unsigned core_;
  Result<TopicLink*> result_ = nullptr;
};

class Shard::WatchPattern final : public CoreCall {
 public:
  WatchPattern(Reactor& from, Reactor& to, std::string_view pattern, unsigned core,
               std::size_t most)
      : CoreCall(from, to), pattern_(pattern), core_(core), most_(most) {}
  TopicTable::Watched await_resume() { return std::move(answer_); }

 private:
  void serve() override { answer_ = Shard::current().topics()->watch(pattern_, core_, most_); }
  std::string_view pattern_;
  unsigned core_;
  std::size_t most_;
  TopicTable::Watched answer_;
};

Task<Result<TopicView*>> Shard::follow(const std::string& name) {
  Reactor& home = home_reactor(fabric_.home_of(name));
  for (;;) {
    if (TopicView* view = hub_.find_view(name)) co_return view;
    auto link = co_await Attach(reactor_, home, name, reactor_.core());
    if (!link) co_return std::unexpected(std::move(link.error()));
    // While the answer was on its way, others may have used and left this link. It is still there,
    // but the home has been asked to detach it; what is asked now gets there after that.
    if ((*link)->view == nullptr || !(*link)->view->retired) co_return &hub_.view_of(**link);
  }
}

Task<Result<void>> Shard::reach(const Subscription& subscription, Reached& reached) {
  std::vector<TopicView*>& views = reached.views;
  std::unordered_set<const TopicView*> held;
  const auto hold = [&](TopicView& view) {
    if (!held.insert(&view).second) return;
    ++view.holds;
    views.push_back(&view);
  };
  for (const std::string& name : subscription.topics) {
    auto view = co_await follow(name);
    if (!view) co_return std::unexpected(std::move(view.error()));
    hold(**view);
  }
  const std::size_t most = views.size() + hub_.options().max_pattern_topics;
  for (const std::string& pattern : subscription.patterns) {
    for (unsigned home = 0; home < fabric_.homes(); ++home) {
      // Once there are too many nothing is linked any more; all is watched, until all is unwatched.
      const std::size_t linked = reached.too_many ? 0 : most;
      const auto answer =
          co_await WatchPattern(reactor_, home_reactor(home), pattern, reactor_.core(), linked);
      reached.too_many |= answer.too_many;
      if (answer.removed_number != 0) {
        reached.removed.push_back({pattern, home, answer.removed_number});
      }
      std::vector<std::string> detaching;
      for (TopicLink* link : answer.links) {
        if (link->view != nullptr && link->view->retired) {
          detaching.push_back(link->view->name());
        } else {
          hold(hub_.view_of(*link));
        }
      }
      for (const std::string& name : detaching) {
        if (auto view = co_await follow(name)) hold(**view);
      }
      reached.too_many |= views.size() > most;
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> Shard::subscribe(Descriptor fd, Subscription subscription) {
  Reached reached;
  const std::vector<TopicView*>& views = reached.views;
  reached.views.reserve(subscription.topics.size());
  const unsigned patterns = subscription.patterns.empty() ? 0 : 1;
  hub_.joining_patterns += patterns;
  Result<void> result = co_await reach(subscription, reached);
  if (result && reached.too_many) {
    for (const std::string& pattern : subscription.patterns) hub_.unwatch(pattern);
    result = fail("too_many_topics",
                  "The patterns reach more topics than "
                  "limits.max_pattern_topics allows.");
  }
  if (result) hub_.join(fd, std::move(subscription), reached);
  hub_.joining_patterns -= patterns;
  for (TopicView* view : views) --view->holds;
  co_return result;
}

Task<Result<void>> Shard::follow_more(std::shared_ptr<SubscriberInput> input, Subscription more) {
  const auto followed = [&input](const std::string& pattern) {
    const Subscriber* const subscriber = input->subscriber();
    if (subscriber == nullptr || !subscriber->merge) return false;
    return std::ranges::find(subscriber->merge->patterns, pattern) !=
           subscriber->merge->patterns.end();
  };
  std::erase_if(more.patterns, followed);
  Reached reached;
  const std::vector<TopicView*>& views = reached.views;
  const unsigned patterns = more.patterns.empty() ? 0 : 1;
  hub_.joining_patterns += patterns;
  Result<void> result = co_await reach(more, reached);
  if (result && reached.too_many) {
    result = fail("too_many_topics",
                  "The patterns reach more topics than "
                  "limits.max_pattern_topics allows.");
  }
  if (result && co_await Hub::still(input)) {
    hub_.add_topics(*input->subscriber(), std::move(more), reached);
  } else {
    for (const std::string& pattern : more.patterns) hub_.unwatch(pattern);
  }
  hub_.joining_patterns -= patterns;
  for (TopicView* view : views) --view->holds;
  co_return result;
}

}  // namespace ringcast
