#include "tests/core/sim/publisher.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringcast::sim {

Publisher::Publisher(World& world, Truth& truth, Newsroom& newsroom,
                     std::vector<std::unique_ptr<Server>>& servers, std::uint64_t requests,
                     std::int64_t pause_ns)
    : world_(world),
      truth_(truth),
      newsroom_(newsroom),
      servers_(servers),
      left_(requests),
      pause_ns_(pause_ns),
      next_at_ns_(world.now_ns + world.random.skewed(0, 50'000'000)) {}

Publisher::Item Publisher::write() {
  Random& random = world_.random;
  Item item;
  item.topic = newsroom_.topics[random.below(newsroom_.topics.size())];
  item.event.started = truth_.moment();
  if (random.percent(newsroom_.key_percent)) {
    // Sent again under its key, an event is the same event.
    item.key = fmt::format("k{}", random.below(8));
    item.event.type = newsroom_.types.front();
    item.event.data = item.key;
    return item;
  }
  item.event.type = newsroom_.types[random.below(newsroom_.types.size())];
  item.event.data = fmt::format("{}:", ++newsroom_.written);
  const auto size =
      static_cast<std::size_t>(random.skewed(0, static_cast<std::int64_t>(newsroom_.longest)));
  const auto letter = static_cast<char>('a' + random.below(26));
  item.event.data.append(size, letter);
  if (random.percent(20)) item.event.data[item.event.data.size() / 2] = '\n';
  return item;
}

void Publisher::step() {
  --left_;
  waiting_ = true;
  auto request = std::make_shared<Request>();
  request->batch = world_.random.percent(newsroom_.batch_percent);
  const std::uint64_t count = request->batch ? 1 + world_.random.below(8) : 1;
  for (std::uint64_t n = 0; n < count; ++n) request->items.push_back(write());
  Server& server = *servers_[world_.random.below(servers_.size())];
  run_on(server.reactor(), [this, &server, request] {
    server.reactor().spawn(send(this, &server.shard(), request));
  });
}

Task<void> Publisher::send(Publisher* self, Shard* shard, std::shared_ptr<Request> request) {
  std::vector<BatchEvent> events;
  for (const Item& item : request->items) {
    events.push_back(
        {.topic = item.topic,
         .event = {.type = item.event.type, .data = item.event.data, .key = item.key}});
  }
  if (request->batch) {
    const Result<void> result = co_await shard->publish_batch(events);
    for (std::size_t n = 0; result && n < events.size(); ++n) {
      self->published(request->items[n], events[n].number);
    }
  } else {
    const auto number = co_await shard->publish(events.front().topic, events.front().event);
    if (number) self->published(request->items.front(), *number);
  }
  self->waiting_ = false;
  self->next_at_ns_ = self->world_.now_ns + self->world_.random.skewed(0, self->pause_ns_);
}

void Publisher::published(const Item& item, std::uint64_t number) {
  world_.trace.text(world_.now_ns, fmt::format("published {} {}", item.topic, number));
  auto& events = truth_.topics[item.topic];
  const auto [at, fresh] = events.try_emplace(number, item.event);
  if (!fresh) {
    if (item.key.empty() || at->second.data != item.event.data) {
      world_.trace.fail(fmt::format("{}: number {} was given twice", item.topic, number));
    }
    at->second.started = std::min(at->second.started, item.event.started);
  }
  if (!item.key.empty()) check_key(item, number);
}

void Publisher::check_key(const Item& item, std::uint64_t number) {
  auto& known = newsroom_.keys[{item.topic, item.key}];
  if (known != 0 && known != number) {
    // Stored a second time: only right if the first one had left the history.
    const Fabric& fabric = servers_.front()->shard().fabric();
    Server& home = *servers_[fabric.home_of(item.topic)];
    const Topic* topic = home.shard().topics()->find(item.topic);
    const std::uint64_t older = std::min(known, number);
    if (topic != nullptr && older >= topic->first_number()) {
      world_.trace.fail(
          fmt::format("{}: key {} is stored as {} and as {}", item.topic, item.key, known, number));
    }
  }
  known = std::max(known, number);
}

}  // namespace ringcast::sim
