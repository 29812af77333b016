// A kernel that takes everything at once: what is measured on it is our own code alone.
#pragma once

#include <utility>
#include <vector>

#include "core/driver.h"

namespace ringcast {

class NullDriver final : public Driver {
 public:
  NullDriver() { ended_.reserve(1 << 16); }

  void push(const Operation& operation) override {
    // Nobody ends a connection here, so what waits for that waits for ever.
    if (operation.completion == nullptr || operation.code == OpCode::poll) return;
    ended_.push_back(
        {operation.completion, operation.tag, static_cast<std::int32_t>(operation.size), 0});
  }
  void turn(std::int64_t, std::vector<Finished>& finished) override {
    std::swap(ended_, finished);
    now_ns_ += 1000;
  }
  void wake() override {}
  std::int64_t now_ns() const override { return now_ns_; }
  std::int64_t wall_clock_ms() const override { return now_ns_ / 1'000'000; }
  std::span<char> buffer(std::uint16_t) override { return {}; }
  void return_buffer(std::uint16_t) override {}
  Counters counters() const override { return {}; }

 private:
  std::vector<Finished> ended_;
  std::int64_t now_ns_ = 1'000'000'000;
};

}  // namespace ringcast
