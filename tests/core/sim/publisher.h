// A simulated publisher: one request at a time, on any core, single or as a batch, sometimes again
// under the same key. It writes the record that subscribers are measured by.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/sim/server.h"
#include "tests/core/sim/truth.h"
#include "tests/core/sim/world.h"

namespace ringcast::sim {

// What all publishers of a run share.
struct Newsroom {
  std::vector<std::string> topics;
  std::vector<std::string> types;
  std::size_t longest = 300;  // bytes of data
  unsigned key_percent = 10;
  unsigned batch_percent = 20;
  std::uint64_t written = 0;  // makes every payload different
  // The number last known under a topic and key.
  std::map<std::pair<std::string, std::string>, std::uint64_t> keys;
};

class Publisher {
 public:
  Publisher(World& world, Truth& truth, Newsroom& newsroom,
            std::vector<std::unique_ptr<Server>>& servers, std::uint64_t requests,
            std::int64_t pause_ns);

  std::int64_t next_at_ns() const { return waiting_ ? -1 : next_at_ns_; }
  bool finished() const { return left_ == 0 && !waiting_; }
  void step();
  void hurry(std::uint64_t requests) {
    left_ = requests;
    pause_ns_ = 1;
  }

 private:
  struct Item {
    std::string topic;
    std::string key;
    Published event;
  };
  struct Request {
    std::vector<Item> items;
    bool batch = false;
  };

  Item write();
  static Task<void> send(Publisher* self, Shard* shard, std::shared_ptr<Request> request);
  void published(const Item& item, std::uint64_t number);
  void check_key(const Item& item, std::uint64_t number);

  World& world_;
  Truth& truth_;
  Newsroom& newsroom_;
  std::vector<std::unique_ptr<Server>>& servers_;
  std::uint64_t left_;
  std::int64_t pause_ns_;
  std::int64_t next_at_ns_;
  bool waiting_ = false;
};

}  // namespace ringcast::sim
