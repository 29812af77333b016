#include "core/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core/shard.h"
#include "tests/core/cluster.h"

namespace ringcast {
namespace {

struct Numbered : Message {
  explicit Numbered(int value) : Message([](Message&) {}), number(value) {}
  int number;
};

std::vector<int> take(Mailbox& mailbox) {
  std::vector<int> numbers;
  for (Message* at = mailbox.take(); at != nullptr; at = at->next) {
    numbers.push_back(static_cast<Numbered*>(at)->number);
  }
  return numbers;
}

TEST(Mailbox, NothingIsSeenBeforeTheFlush) {
  Mailbox mailbox;
  EXPECT_FALSE(mailbox.flush());
  Numbered one(1);
  mailbox.collect(one);
  EXPECT_TRUE(mailbox.empty());
  EXPECT_TRUE(take(mailbox).empty());
  EXPECT_TRUE(mailbox.flush());
  EXPECT_FALSE(mailbox.empty());
  EXPECT_EQ(take(mailbox), (std::vector<int>{1}));
  EXPECT_TRUE(mailbox.empty());
  EXPECT_FALSE(mailbox.flush());
}

TEST(Mailbox, OrderIsKeptOverAnyNumberOfChains) {
  for (int chains = 1; chains <= 4; ++chains) {
    for (int length = 1; length <= 4; ++length) {
      Mailbox mailbox;
      std::vector<std::unique_ptr<Numbered>> messages;
      std::vector<int> expected;
      for (int chain = 0; chain < chains; ++chain) {
        for (int i = 0; i < length; ++i) {
          expected.push_back(chain * 10 + i);
          messages.push_back(std::make_unique<Numbered>(chain * 10 + i));
          mailbox.collect(*messages.back());
        }
        mailbox.flush();
      }
      EXPECT_EQ(take(mailbox), expected);
    }
  }
}

TEST(Mailbox, Senders_mt_AndReceiverRunFreely) {
  Mailbox mailbox;
  constexpr int kMessages = 100'000;
  std::vector<std::unique_ptr<Numbered>> messages;
  for (int i = 0; i < kMessages; ++i) messages.push_back(std::make_unique<Numbered>(i));
  std::thread sender([&] {
    for (int i = 0; i < kMessages; ++i) {
      mailbox.collect(*messages[static_cast<std::size_t>(i)]);
      if (i % 7 == 0) mailbox.flush();
    }
    mailbox.flush();
  });
  int next = 0;
  while (next < kMessages) {
    for (const int number : take(mailbox)) ASSERT_EQ(number, next++);
  }
  sender.join();
}

// A message that goes back and forth between two cores.
struct Traveller : Message {
  Traveller(Cluster& in, unsigned at, unsigned other)
      : Message(arrive), cluster(in), here(other), there(at) {}
  static void arrive(Message& message) {
    auto& self = static_cast<Traveller&>(message);
    ++self.trips;
    std::swap(self.here, self.there);
    if (self.trips >= kTrips) {
      self.arrived.set_value();
      return;
    }
    Reactor::current()->send_to(self.cluster.runtime().reactor(self.there), self);
  }
  static constexpr int kTrips = 2000;
  Cluster& cluster;
  unsigned here;
  unsigned there;
  int trips = 0;
  std::promise<void> arrived;
};

TEST(MailboxCores, Travellers_mt_AreNeverLostAndSleepersWake) {
  Cluster cluster({.cores = 2});
  std::vector<std::unique_ptr<Traveller>> travellers;
  for (unsigned i = 0; i < 8; ++i) {
    travellers.push_back(std::make_unique<Traveller>(cluster, i % 2, i / 2 % 2));
    Traveller& traveller = *travellers.back();
    cluster.on(i % 2, [&](Shard& shard) {
      shard.reactor().send_to(cluster.runtime().reactor(traveller.here), traveller);
    });
  }
  for (const auto& traveller : travellers) {
    EXPECT_EQ(traveller->arrived.get_future().wait_for(std::chrono::seconds(20)),
              std::future_status::ready);
  }
}

// One alone, with pauses: each message finds the other core asleep.
TEST(MailboxCores, Sleeper_mt_WakesForEachMessage) {
  Cluster cluster({.cores = 2});
  for (int i = 0; i < 100; ++i) {
    std::promise<unsigned> arrived;
    struct Letter : Message {
      explicit Letter(std::promise<unsigned>& to) : Message(arrive), promise(to) {}
      static void arrive(Message& message) {
        static_cast<Letter&>(message).promise.set_value(Reactor::current()->core());
      }
      std::promise<unsigned>& promise;
    } letter(arrived);
    cluster.on(
        0, [&](Shard& shard) { shard.reactor().send_to(cluster.runtime().reactor(1), letter); });
    EXPECT_EQ(arrived.get_future().get(), 1U);
  }
}

struct Sequenced : Message {
  Sequenced(std::vector<int>& to, int value) : Message(arrive), out(to), number(value) {}
  static void arrive(Message& message) {
    auto& self = static_cast<Sequenced&>(message);
    self.out.push_back(self.number);
  }
  std::vector<int>& out;
  int number;
};

TEST(MailboxCores, EverySender_mt_IsHeardInItsOrder) {
  Cluster cluster({.cores = 2});
  constexpr int kEach = 20'000;
  std::vector<int> heard[2][2];  // by receiver and sender
  std::vector<std::unique_ptr<Sequenced>> messages[2];
  for (unsigned from = 0; from < 2; ++from) {
    for (int i = 0; i < kEach; ++i) {
      messages[from].push_back(std::make_unique<Sequenced>(heard[i % 2][from], i));
    }
  }
  for (int begin = 0; begin < kEach; begin += 100) {
    for (unsigned from = 0; from < 2; ++from) {
      cluster.on(from, [&](Shard& shard) {
        for (int i = begin; i < begin + 100; ++i) {
          shard.reactor().send_to(cluster.runtime().reactor(static_cast<unsigned>(i % 2)),
                                  *messages[from][static_cast<std::size_t>(i)]);
        }
      });
    }
  }
  for (unsigned core = 0; core < 2; ++core) {
    EXPECT_TRUE(cluster.wait_for(core, [&](Shard&) {
      return heard[core][0].size() == kEach / 2 && heard[core][1].size() == kEach / 2;
    }));
    cluster.on(core, [&](Shard&) {
      EXPECT_TRUE(std::ranges::is_sorted(heard[core][0]));
      EXPECT_TRUE(std::ranges::is_sorted(heard[core][1]));
    });
  }
}

class Where final : public CoreCall {
 public:
  using CoreCall::CoreCall;
  unsigned await_resume() const { return core_; }

 private:
  void serve() override { core_ = Reactor::current()->core(); }
  unsigned core_ = 99;
};

struct Tour {
  int there = 0;
  int home = 0;
};

Task<Tour> tour(Reactor* from, Reactor* to) {
  Tour result;
  for (int i = 0; i < 1000; ++i) {
    result.there += co_await Where(*from, *to) == to->core() ? 1 : 0;
    result.home += Reactor::current() == from ? 1 : 0;
  }
  co_return result;
}

TEST(MailboxCores, CoreCalls_mt_RunThereAndResumeHere) {
  Cluster cluster({.cores = 2});
  for (unsigned from = 0; from < 2; ++from) {
    for (unsigned to = 0; to < 2; ++to) {
      const Tour result = cluster.await<Tour>(from, [&](Shard& shard) {
        return tour(&shard.reactor(), &cluster.runtime().reactor(to));
      });
      EXPECT_EQ(result.there, 1000);
      EXPECT_EQ(result.home, 1000);
    }
  }
}

}  // namespace
}  // namespace ringcast
