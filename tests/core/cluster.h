// Cores with a shard each on their own threads, driven from the test's thread.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/runtime.h"
#include "core/scope.h"
#include "core/shard.h"
#include "tests/core/sockets.h"

namespace ringcast {

struct ClusterOptions {
  unsigned cores = 1;
  unsigned homes = 0;  // 0: every core
  HubOptions hub = {};
  TopicTableOptions table = {};
  std::uint32_t most_connections = 1000;
};

class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options)
      : fabric_(EventIds("e", options.homes == 0 ? options.cores : options.homes), options.cores),
        admission_(options.most_connections),
        shards_(options.cores) {
    RuntimeOptions runtime;
    for (unsigned core = 0; core < options.cores; ++core) runtime.cores.push_back(core);
    runtime.uring = {.entries = 256,
                     .cq_entries = 1024,
                     .direct_descriptors = 256,
                     .recv_buffers = 16,
                     .recv_buffer_bytes = 1024};
    auto created = Runtime::create(runtime);
    RINGCAST_CHECK(created);
    runtime_ = std::move(*created);
    std::promise<void> started;
    std::atomic<unsigned> up{0};
    thread_ = std::thread([&, options] {
      const auto ran = runtime_->run(
          [&](Reactor& reactor) {
            shards_[reactor.core()] =
                std::make_unique<Shard>(reactor, fabric_, admission_, options.hub, options.table);
            if (++up == shards_.size()) started.set_value();
          },
          [this](Reactor& reactor) { shards_[reactor.core()].reset(); });
      RINGCAST_CHECK(ran);
    });
    started.get_future().wait();
  }
  ~Cluster() {
    stop_traffic();
    EXPECT_EQ(admission_.open(), 0U);
    runtime_->stop();
    thread_.join();
  }

  // Runs `call` on the core's thread, in a turn, and waits for its result.
  template <class Call>
  auto on(unsigned core, Call call) {
    using Value = std::invoke_result_t<Call, Shard&>;
    // Shared: the waiting thread goes on while the core is still leaving the task.
    const auto task =
        std::make_shared<std::packaged_task<Value()>>([&] { return call(*shards_[core]); });
    auto result = task->get_future();
    Job job([task] { (*task)(); });
    runtime_->reactor(core).post(job);
    return result.get();
  }

  // Runs the coroutine that `make` starts on the core, and waits for its end.
  template <class T>
  T await(unsigned core, const std::function<Task<T>(Shard&)>& make) {
    const auto promise = std::make_shared<std::promise<T>>();
    auto result = promise->get_future();
    on(core, [&](Shard& shard) { shard.reactor().spawn(fulfil(make(shard), promise)); });
    return result.get();
  }

  // The event's id, or the error's code.
  std::string publish(unsigned core, std::string topic, std::string data, std::string type = {},
                      std::string key = {}) {
    const auto number = await<Result<std::uint64_t>>(core, [&](Shard& shard) {
      return publish_one(&shard, &topic, NewEvent{.type = type, .data = data, .key = key});
    });
    return number ? fabric_.ids.text(*number) : std::string(number.error().code);
  }

  Client subscribe(unsigned core, Subscription subscription, int buffer_bytes = 0) {
    TcpPair pair = tcp_pair(buffer_bytes);
    admission_.enter();
    const auto joined = await<Result<void>>(core, [&](Shard& shard) {
      return shard.subscribe(Descriptor::ordinary(pair.server), std::move(subscription));
    });
    EXPECT_TRUE(joined) << joined.error().message;
    return std::move(pair.client);
  }

  // Waits until `condition` holds on the core.
  template <class Condition>
  ::testing::AssertionResult wait_for(unsigned core, Condition condition) {
    for (int tries = 0; tries < 2000; ++tries) {
      if (on(core, condition)) return ::testing::AssertionSuccess();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return ::testing::AssertionFailure() << "did not happen within 10 s";
  }

  void stop_traffic() {
    for (unsigned core = 0; core < shards_.size(); ++core) {
      on(core, [](Shard& shard) { shard.hub().close_all(CloseReason::drain); });
      EXPECT_TRUE(wait_for(core, [](Shard& shard) { return shard.hub().subscribers() == 0; }));
    }
  }

  Fabric& fabric() { return fabric_; }
  Runtime& runtime() { return *runtime_; }
  // A topic at home on this core.
  std::string topic_at(unsigned home, const std::string& prefix = "topic") const {
    for (int i = 0;; ++i) {
      std::string name = prefix + std::to_string(i);
      if (fabric_.home_of(name) == home) return name;
    }
  }

 private:
  struct Job : Message {
    explicit Job(std::function<void()> work) : Message(run), call(std::move(work)) {}
    static void run(Message& message) {
      // Once the call has returned, the waiting thread may end the job.
      const auto call = std::move(static_cast<Job&>(message).call);
      call();
    }
    std::function<void()> call;
  };

  template <class T>
  static Task<void> fulfil(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
    promise->set_value(co_await std::move(task));
  }
  static Task<Result<std::uint64_t>> publish_one(Shard* shard, const std::string* topic,
                                                 NewEvent event) {
    co_return co_await shard->publish(*topic, event);
  }

  Fabric fabric_;
  Admission admission_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<Runtime> runtime_;
  std::thread thread_;
};

}  // namespace ringcast
