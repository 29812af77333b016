#include "core/removed_topics.h"

#include <algorithm>

#include "core/topic_name.h"

namespace ringcast {

void RemovedTopics::add(std::string_view name, std::uint64_t last_number) {
  if (last_number <= first_number_) return;
  order_.emplace_back(name);
  last_[order_.back()] = last_number;
  while (order_.size() > kMost) {
    // One that came back and was removed again stands here twice, and may be forgotten early.
    if (const auto found = last_.find(order_.front()); found != last_.end()) {
      forgotten_ = std::max(forgotten_, found->second);
      last_.erase(found);
    }
    order_.pop_front();
  }
}

std::uint64_t RemovedTopics::take(std::string_view name) {
  const auto found = last_.find(std::string(name));
  if (found == last_.end()) return forgotten_;
  const std::uint64_t last = found->second;
  last_.erase(found);
  return last;
}

std::uint64_t RemovedTopics::last_matching(std::string_view pattern) const {
  std::uint64_t last = forgotten_ > first_number_ ? forgotten_ : 0;
  for (const auto& [name, number] : last_) {
    if (number > last && topic_matches(pattern, name)) last = number;
  }
  return last;
}

std::vector<std::pair<std::string, std::uint64_t>> RemovedTopics::all() const {
  std::vector<std::pair<std::string, std::uint64_t>> all;
  auto left = last_;  // one that was removed twice stands twice in the order
  for (const std::string& name : order_) {
    const auto found = left.find(name);
    if (found == left.end()) continue;
    all.emplace_back(*found);
    left.erase(found);
  }
  return all;
}

}  // namespace ringcast
