// What the server acknowledged: the id of every event, and where each epoch of a topic began.
//
// Publishers write, the checkers read; numbers may be read while they are written (0: not yet).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/e2e/replay/plan.h"

namespace ringcast {

// The parts of `EPOCH-N`; the number is 0 if it is none.
std::pair<std::string_view, std::uint64_t> split_id(std::string_view id);

class Ledger {
 public:
  explicit Ledger(const Plan& plan);

  void acknowledged(std::uint32_t stream, std::uint32_t sequence, std::string_view epoch,
                    std::uint64_t number);
  std::uint64_t number(std::uint32_t stream, std::uint32_t sequence) const {
    return streams_[stream].numbers[sequence].load(std::memory_order_relaxed);
  }
  // The first sequence number that was acknowledged in the epoch; false if none was.
  bool first_of(std::uint32_t stream, const std::string& epoch, std::uint32_t& sequence) const;
  std::size_t epochs() const;

 private:
  struct Stream {
    std::unique_ptr<std::atomic<std::uint64_t>[]> numbers;
    std::map<std::string, std::uint32_t, std::less<>> firsts;  // by epoch
  };
  mutable std::mutex mutex_;  // of the firsts
  std::vector<Stream> streams_;
};

}  // namespace ringcast
