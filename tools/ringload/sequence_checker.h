// Finds loss, duplicates and changes of order in what one subscriber gets of one topic.
//
// Each publisher numbers its events on a topic from 0. As long as all is well, a subscriber costs 4
// bytes a publisher and one comparison an event. Only after a jump the missing numbers are kept, as
// ranges, so that an event that comes late (out of order) is told from one that comes twice. At
// most kRangesMax ranges are kept for a subscriber; a late event beyond that counts as a duplicate,
// and its loss stands.
//
// A stream that does not go on where the one before it ended is begun anew: end(), then begin().
// From there on nothing is known of a publisher until its first event, whose number is taken as it
// is. This costs those nothing that never begin anew.
#pragma once

#include <algorithm>
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
  std::uint64_t missed = 0;        // between the streams of a subscriber that began anew
  // How far ahead of where begin() put them the first events of streams were that began anew.
  std::int64_t ahead = 0;
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

  // The number after the highest seen; of a stream that began anew and has seen none: where it
  // began.
  std::uint32_t next(std::uint32_t publisher) const {
    return seen(publisher) ? next_[publisher] : stay_->starts[publisher];
  }
  // False after begin() until an event comes.
  bool seen(std::uint32_t publisher) const { return next_[publisher] != kUnseen; }
  bool seen_any() const {
    return std::ranges::any_of(next_, [](std::uint32_t n) { return n != 0 && n != kUnseen; });
  }

  // The stream has ended, and what comes until begin() is of none.
  void end() {
    if (stay_ == nullptr) stay_ = std::make_unique<Stay>();
    stay_->open = false;
    stay_->left.resize(next_.size());
    stay_->starts.resize(next_.size());
    for (std::size_t publisher = 0; publisher < next_.size(); ++publisher) {
      if (next_[publisher] == kUnseen) continue;
      stay_->left[publisher] = stay_->starts[publisher] = next_[publisher];
      next_[publisher] = kUnseen;
    }
    missing_.reset();
  }
  // Another one begins: about behind the first starts[publisher] events of each.
  void begin(std::span<const std::uint32_t> starts) {
    stay_->open = true;
    std::ranges::copy(starts, stay_->starts.begin());
  }

 private:
  // No event has this number.
  static constexpr std::uint32_t kUnseen = ~std::uint32_t{0};
  // Of a stream that began anew, by publisher.
  struct Stay {
    std::vector<std::uint32_t> left;  // next() when the last one ended that had seen something
    std::vector<std::uint32_t> starts;
    bool open = false;
  };
  struct Range {
    std::uint32_t publisher;
    std::uint32_t first;
    std::uint32_t last;  // inclusive
  };

  void take_unexpected(std::uint32_t publisher, std::uint32_t sequence, SequenceTotals& totals) {
    std::uint32_t& next = next_[publisher];
    if (next == kUnseen) return take_first(publisher, sequence, totals);
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

  void take_first(std::uint32_t publisher, std::uint32_t sequence, SequenceTotals& totals) {
    if (!stay_->open) return;
    const std::uint32_t left = stay_->left[publisher];
    if (sequence > left) totals.missed += sequence - left;
    totals.ahead += std::int64_t{sequence} - stay_->starts[publisher];
    ++totals.delivered;
    next_[publisher] = sequence + 1;
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
  std::unique_ptr<Stay> stay_;
};

}  // namespace ringcast::load
