// The topics that were removed from a home, as far as whoever resumes must be told that what it
// had not read yet is gone.
//
// The latest are remembered by name, up to kMost; of those before only that none had events
// beyond a number, so that their resuming subscribers get a gap rather than silence. Home core
// only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace ringcast {

class RemovedTopics {
 public:
  static constexpr std::size_t kMost = 4096;

  // `first_number`: lower than that of any event; what topics that never were answer.
  explicit RemovedTopics(std::uint64_t first_number)
      : first_number_(first_number), forgotten_(first_number) {}

  void add(std::string_view name, std::uint64_t last_number);
  // The topic comes into being again: everything up to the answer has left its history.
  std::uint64_t take(std::string_view name);
  // The last number in those that match; 0 if there were none.
  std::uint64_t last_matching(std::string_view pattern) const;

  // For a process that takes over: everything that is remembered, the longest ago first.
  std::uint64_t forgotten() const { return forgotten_; }
  std::vector<std::pair<std::string, std::uint64_t>> all() const;
  void forget_up_to(std::uint64_t last_number) { forgotten_ = last_number; }

 private:
  std::uint64_t first_number_;
  std::uint64_t forgotten_;  // the last number of those that are remembered no more
  std::unordered_map<std::string, std::uint64_t> last_;
  std::deque<std::string> order_;  // of removal; names may have been taken since
};

}  // namespace ringcast
