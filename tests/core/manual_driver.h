// A driver that does nothing by itself: the test sets the clock and completes operations.
#pragma once

#include <algorithm>
#include <vector>

#include "core/check.h"
#include "core/driver.h"

namespace ringcast {

class ManualDriver final : public Driver {
 public:
  void push(const Operation& operation) override { operations.push_back(operation); }
  void turn(std::int64_t wait_ns, std::vector<Finished>& finished) override {
    last_wait_ns = wait_ns;
    finished.insert(finished.end(), completions.begin(), completions.end());
    completions.clear();
  }
  void wake() override { ++wakes; }
  std::int64_t now_ns() const override { return clock_ns; }
  std::int64_t wall_clock_ms() const override { return clock_ns / 1'000'000; }
  std::span<char> buffer(std::uint16_t) override { return buffer_; }
  void return_buffer(std::uint16_t) override { ++returned; }
  Counters counters() const override { return {}; }

  // Ends the oldest operation with this code in the next turn; false if there is none.
  bool complete(OpCode code, std::int32_t result) {
    const auto found = std::ranges::find(operations, code, &Operation::code);
    if (found == operations.end()) return false;
    if (found->completion != nullptr) {
      completions.push_back({found->completion, found->tag, result, 0});
    }
    operations.erase(found);
    return true;
  }
  bool has(OpCode code) const {
    return std::ranges::find(operations, code, &Operation::code) != operations.end();
  }

  std::vector<Operation> operations;  // with the kernel
  std::vector<Finished> completions;  // for the next turn
  std::int64_t clock_ns = 1'000'000'000;
  std::int64_t last_wait_ns = 0;
  int wakes = 0;
  int returned = 0;

 private:
  std::vector<char> buffer_ = std::vector<char>(64);
};

}  // namespace ringcast
