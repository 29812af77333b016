// Finds loss, duplicates and changes of order in what one subscriber gets of one topic.
//
// Each publisher numbers its events on a topic from 0. As long as all is well, a subscriber costs 4
// bytes a publisher and one comparison an event. Only after a jump the missing numbers are kept, as
// ranges, so that an event that comes late (out of order) is told from one that comes twice. At
// most kRangesMax ranges are kept for a subscriber; a late event beyond that counts as a duplicate,
// and its loss stands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace ringcast::load {

// Over all subscribers together.
struct SequenceTotals {
  std::uint64_t delivered = 0;  // without duplicates
  std::uint64_t missing = 0;    // numbers jumped over and not seen since
  std::uint64_t duplicates = 0;
  std::uint64_t out_of_order = 0;  // came after a higher number
};

class SequenceChecker {
 public:
  static constexpr std::size_t kRangesMax = 1024;

  // `next`: one zero per publisher; kept by the caller, so that all subscribers' lie together.
  SequenceChecker() = default;
  explicit SequenceChecker(std::span<std::uint32_t> next) : next_(next) {}

  // False if there is no such publisher.
  bool take(std::uint32_t publisher, std::uint32_t sequence, SequenceTotals& totals) {
    if (publisher >= next_.size()) return false;
    std::uint32_t& next = next_[publisher];
    if (sequence == next) [[likely]] {
      ++next;
      ++totals.delivered;
      return true;
    }
    take_unexpected(publisher, sequence, totals);
    return true;
  }

  // The number after the highest seen.
  std::uint32_t next(std::uint32_t publisher) const { return next_[publisher]; }

 private:
  struct Range {
    std::uint32_t publisher;
    std::uint32_t first;
    std::uint32_t last;  // inclusive
  };

  void take_unexpected(std::uint32_t publisher, std::uint32_t sequence, SequenceTotals& totals) {
    std::uint32_t& next = next_[publisher];
    if (sequence > next) {
      totals.missing += sequence - next;
      ++totals.delivered;
      if (missing_ == nullptr) missing_ = std::make_unique<std::vector<Range>>();
      if (missing_->size() < kRangesMax) missing_->push_back({publisher, next, sequence - 1});
      next = sequence + 1;
    } else if (take_missing(publisher, sequence)) {
      --totals.missing;
      ++totals.delivered;
      ++totals.out_of_order;
    } else {
      ++totals.duplicates;
    }
  }

  bool take_missing(std::uint32_t publisher, std::uint32_t sequence) {
    if (missing_ == nullptr) return false;
    for (Range& range : *missing_) {
      if (range.publisher != publisher || sequence < range.first || sequence > range.last) continue;
      const Range upper{publisher, sequence + 1, range.last};
      if (sequence == range.first && sequence == range.last) {
        range = missing_->back();
        missing_->pop_back();
      } else if (sequence == range.first) {
        ++range.first;
      } else {
        range.last = sequence - 1;
        if (upper.first <= upper.last) missing_->push_back(upper);
      }
      return true;
    }
    return false;
  }

  std::span<std::uint32_t> next_;
  std::unique_ptr<std::vector<Range>> missing_;
};

}  // namespace ringcast::load
