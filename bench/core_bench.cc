// What the core's own code costs, the kernel left out (bench/null_driver.h).
//
// `allocations` counts calls of operator new an iteration. A delivery must need none: the program
// fails if one does.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "bench/hot_path.h"
#include "bench/null_driver.h"
#include "core/event_id.h"
#include "core/event_stream.h"
#include "core/mailbox.h"
#include "core/reactor.h"
#include "core/shard.h"
#include "core/timer_wheel.h"
#include "core/topic.h"

namespace {
std::uint64_t allocations = 0;  // one thread
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace ringcast {
namespace {

bool a_delivery_allocated = false;

class AllocationCount {
 public:
  explicit AllocationCount(benchmark::State& state) : state_(state) {}
  ~AllocationCount() {
    state_.counters["allocations"] = benchmark::Counter(static_cast<double>(allocations - before_),
                                                        benchmark::Counter::kAvgIterations);
  }

 private:
  benchmark::State& state_;
  std::uint64_t before_ = allocations;
};

// --- ids, encoding, the log ---

void BM_IdWrite(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 2);
  char out[kMostIdBytes];
  std::uint64_t number = 1'000'000'000;
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(ids.write(out, ++number));
}
HOT_PATH(BM_IdWrite);

void BM_IdParse(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 2);
  const std::string id = ids.text(Position{{1'000'000'000, 1'000'000'001}});
  const AllocationCount count(state);
  for (auto _ : state) benchmark::DoNotOptimize(ids.parse(id));
}
HOT_PATH(BM_IdParse);

void BM_Encode(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 1);
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  const NewEvent event{.type = "tick", .data = data, .key = {}};
  std::vector<char> out(event_bytes(event));
  std::uint64_t number = 1'000'000'000;
  const AllocationCount count(state);
  for (auto _ : state) {
    benchmark::DoNotOptimize(event_bytes(event));
    benchmark::DoNotOptimize(write_event(out.data(), event, ++number, ids));
  }
}
HOT_PATH(BM_Encode)->Arg(128)->Arg(4096);

void BM_Append(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 1);
  Topic topic("bench", TopicRules{}, 0);
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  std::uint64_t number = 0;
  const AllocationCount count(state);
  for (auto _ : state) {
    topic.append({.type = "tick", .data = data, .key = {}}, ++number, ids, 1000);
    if (topic.trim(1000)) topic.free_released();
  }
}
HOT_PATH(BM_Append)->Arg(128)->Arg(4096);

void BM_AppendWithKey(benchmark::State& state) {
  const EventIds ids(EventIds::epoch_at(1'760'000'000'000), 1);
  Topic topic("bench", TopicRules{}, 0);
  const std::string data(128, 'x');
  std::uint64_t number = 0;
  char key[32];
  const AllocationCount count(state);
  for (auto _ : state) {
    const char* const end = fmt::format_to(key, "key-{}", ++number);
    const std::string_view text(key, static_cast<std::size_t>(end - key));
    benchmark::DoNotOptimize(topic.find_key(text));
    topic.append({.type = {}, .data = data, .key = text}, number, ids, 1000);
    if (topic.trim(1000)) topic.free_released();
  }
}
HOT_PATH(BM_AppendWithKey);

// --- the sweep ---

// One core with subscribers who take everything at once.
class Bench {
 public:
  Bench(std::size_t subscribers, const std::vector<std::string>& topics,
        std::uint64_t history_bytes) {
    auto rules = std::make_shared<TopicRulesTable>();
    rules->defaults = {.bytes = history_bytes, .events = 100'000'000, .age_ms = 0};
    reactor_ = std::make_unique<Reactor>(0, std::make_unique<NullDriver>());
    Reactor::connect({reactor_.get()});
    shard_ = std::make_unique<Shard>(*reactor_, fabric_, admission_, HubOptions{},
                                     TopicTableOptions{.rules = rules});
    // Subscribing happens in a turn.
    struct Joining : Message {
      Joining() : Message(run) {}
      static void run(Message& message) {
        auto& self = static_cast<Joining&>(message);
        for (std::size_t n = 0; n < self.subscribers; ++n) self.bench->join(*self.topics);
      }
      Bench* bench = nullptr;
      std::size_t subscribers = 0;
      const std::vector<std::string>* topics = nullptr;
    } joining;
    joining.bench = this;
    joining.subscribers = subscribers;
    joining.topics = &topics;
    reactor_->post(joining);
    settle();
    topic_ = *shard_->topics()->find_or_create(topics.front());
  }
  ~Bench() {
    shard_->hub().close_all(CloseReason::drain);
    // The polls that this kernel keeps would end only with their sockets.
    shard_.reset();
  }

  Topic& topic() { return *topic_; }
  void publish(std::string_view data) {
    shard_->topics()->publish(*topic_, {.type = "tick", .data = data, .key = {}});
  }
  void settle() {
    while (reactor_->turn(false)) {
    }
  }
  std::uint64_t deliveries() const { return shard_->hub().counters.deliveries.get(); }

 private:
  void join(const std::vector<std::string>& topics) {
    admission_.enter();
    Subscription subscription;
    subscription.topics = topics;
    subscription.head = "retry: 5000\n\n";
    reactor_->spawn(subscribe(shard_.get(), std::move(subscription)));
  }
  static Task<void> subscribe(Shard* shard, Subscription subscription) {
    const auto joined = co_await shard->subscribe(Descriptor::ordinary(9), std::move(subscription));
    RINGCAST_CHECK(joined);
  }

  Fabric fabric_{EventIds(EventIds::epoch_at(1'760'000'000'000), 1), 1};
  Admission admission_{1'000'000};
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<Shard> shard_;
  Topic* topic_ = nullptr;
};

// `state.range(0)` subscribers, `state.range(1)` events for each sweep.
void sweep(benchmark::State& state, const std::vector<std::string>& topics) {
  // A history in which nothing is freed: a segment more shows as more bytes.
  Bench bench(static_cast<std::size_t>(state.range(0)), topics, std::uint64_t{1} << 30);
  const std::string data(128, 'x');
  const auto round = [&] {
    for (std::int64_t n = 0; n < state.range(1); ++n) bench.publish(data);
    bench.settle();
  };
  for (int warm = 0; warm < 16; ++warm) round();
  const std::uint64_t before = bench.deliveries();
  std::uint64_t by_deliveries = 0;
  for (auto _ : state) {
    const std::uint64_t allocated = bench.topic().allocated_bytes();
    const std::uint64_t count = allocations;
    round();
    if (bench.topic().allocated_bytes() == allocated) by_deliveries += allocations - count;
  }
  const auto deliveries = bench.deliveries() - before;
  if (deliveries != state.iterations() * static_cast<std::uint64_t>(state.range(0)) *
                        static_cast<std::uint64_t>(state.range(1))) {
    state.SkipWithError("not everything was delivered");
  }
  a_delivery_allocated |= by_deliveries > 0;
  state.SetItemsProcessed(static_cast<std::int64_t>(deliveries));
  state.counters["allocations"] = static_cast<double>(by_deliveries);
  state.counters["per_delivery"] = benchmark::Counter(
      static_cast<double>(deliveries), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void BM_Sweep(benchmark::State& state) { sweep(state, {"bench"}); }
HOT_PATH(BM_Sweep)
    ->Args({1, 1})
    ->Args({100, 1})
    ->Args({1000, 1})
    ->Args({1000, 32})
    ->Args({10'000, 1});

void BM_SweepOfComposed(benchmark::State& state) { sweep(state, {"bench", "quiet"}); }
HOT_PATH(BM_SweepOfComposed)->Args({1000, 1})->Args({1000, 32});

// --- the runtime ---

struct Note : Message {
  Note() : Message([](Message&) {}) {}
};

void BM_MailboxRound(benchmark::State& state) {
  Mailbox mailbox;
  std::vector<std::unique_ptr<Note>> notes;
  notes.reserve(static_cast<std::size_t>(state.range(0)));
  for (std::int64_t n = 0; n < state.range(0); ++n) notes.push_back(std::make_unique<Note>());
  const AllocationCount count(state);
  for (auto _ : state) {
    for (const auto& note : notes) mailbox.collect(*note);
    mailbox.flush();
    for (Message* at = mailbox.take(); at != nullptr; at = at->next) benchmark::DoNotOptimize(at);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
HOT_PATH(BM_MailboxRound)->Arg(1)->Arg(64);

void BM_TimerArmDisarm(benchmark::State& state) {
  TimerWheel wheel(0);
  struct Alarm : Timer {
    Alarm() : Timer([](Timer&) {}) {}
  };
  std::vector<std::unique_ptr<Alarm>> alarms;
  alarms.reserve(1000);
  for (int n = 0; n < 1000; ++n) alarms.push_back(std::make_unique<Alarm>());
  std::size_t next = 0;
  std::int64_t deadline = 1'000'000;
  const AllocationCount count(state);
  for (auto _ : state) {
    Timer& timer = *alarms[next++ % alarms.size()];
    deadline = deadline * 5 % 30'000'000'007;
    wheel.arm(timer, deadline);
    TimerWheel::disarm(timer);
  }
}
HOT_PATH(BM_TimerArmDisarm);

void BM_TimerTick(benchmark::State& state) {
  TimerWheel wheel(0);
  std::int64_t now = 0;
  for (auto _ : state) wheel.advance(now += TimerWheel::kTickNs);
}
HOT_PATH(BM_TimerTick);

Task<int> answer() { co_return 42; }

Task<void> call_many(benchmark::State* state) {
  for (auto _ : *state) benchmark::DoNotOptimize(co_await answer());
}

void BM_TaskCall(benchmark::State& state) {
  Reactor reactor(0, std::make_unique<NullDriver>());
  const AllocationCount count(state);
  reactor.spawn(call_many(&state));
}
HOT_PATH(BM_TaskCall);

void BM_EmptyTurn(benchmark::State& state) {
  Bench bench(1000, {"bench"}, 1 << 20);
  const AllocationCount count(state);
  for (auto _ : state) bench.settle();
}
HOT_PATH(BM_EmptyTurn);

}  // namespace
}  // namespace ringcast

int main(int argc, char** argv) {
  if (const int status = ringcast::run_hot_paths(argc, argv); status != 0) return status;
  if (ringcast::a_delivery_allocated) {
    fmt::print(stderr, "A delivery allocated memory.\n");
    return 1;
  }
  return 0;
}
