#include "core/topic_listing.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace ringcast {
namespace {

constexpr std::size_t kDescribedPerTurn = 256;

class Describe final : public CoreCall {
 public:
  Describe(Reactor& from, Reactor& to, std::size_t& before, std::vector<TopicInfo>& out)
      : CoreCall(from, to), before_(before), out_(out) {}
  void await_resume() const {}

 private:
  void serve() override { Shard::current().topics()->describe(before_, kDescribedPerTurn, out_); }
  std::size_t& before_;
  std::vector<TopicInfo>& out_;
};

constexpr auto kLater = [](const auto& a, const auto& b) { return a.name() > b.name(); };

}  // namespace

Task<void> TopicListing::gather() {
  gathered_ = true;
  for (unsigned home = 0; home < shard_.fabric().homes(); ++home) {
    Reactor& there = shard_.fabric().shards[home]->reactor();
    for (std::size_t before = std::numeric_limits<std::size_t>::max(); before != 0;) {
      Run run;
      co_await Describe(shard_.reactor(), there, before, run.topics);
      std::ranges::sort(run.topics, {}, &TopicInfo::name);
      if (!run.topics.empty()) runs_.push_back(std::move(run));
      if (before != 0) co_await NextTurn{shard_.reactor()};
    }
  }
  std::ranges::make_heap(runs_, kLater);
}

Task<std::span<TopicInfo>> TopicListing::next() {
  if (!gathered_) {
    co_await gather();
  } else if (!runs_.empty()) {
    co_await NextTurn{shard_.reactor()};
  }
  portion_.clear();
  while (portion_.size() < kPortion && !runs_.empty()) {
    std::ranges::pop_heap(runs_, kLater);
    Run& run = runs_.back();
    take(std::move(run.topics[run.at++]));
    if (run.at == run.topics.size()) {
      runs_.pop_back();
    } else {
      std::ranges::push_heap(runs_, kLater);
    }
  }
  co_return portion_;
}

// One that was moved within its home meanwhile is there twice.
void TopicListing::take(TopicInfo&& topic) {
  if (topic.name == last_) return;
  last_ = topic.name;
  portion_.push_back(std::move(topic));
}

}  // namespace ringcast
