#include "tests/e2e/replay/ledger.h"

#include <charconv>
#include <set>

namespace ringcast {

std::pair<std::string_view, std::uint64_t> split_id(std::string_view id) {
  const std::size_t dash = id.find('-');
  if (dash == std::string_view::npos) return {id, 0};
  std::uint64_t number = 0;
  const char* const end = id.data() + id.size();
  const auto read = std::from_chars(id.data() + dash + 1, end, number);
  return {id.substr(0, dash), read.ec == std::errc{} && read.ptr == end ? number : 0};
}

Ledger::Ledger(const Plan& plan) : streams_(plan.streams()) {
  const std::vector<std::uint32_t> totals = plan.totals();
  for (std::uint32_t stream = 0; stream < plan.streams(); ++stream) {
    streams_[stream].numbers = std::make_unique<std::atomic<std::uint64_t>[]>(totals[stream]);
  }
}

void Ledger::acknowledged(std::uint32_t stream, std::uint32_t sequence, std::string_view epoch,
                          std::uint64_t number) {
  Stream& of = streams_[stream];
  of.numbers[sequence].store(number, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (!of.firsts.contains(epoch)) of.firsts.emplace(epoch, sequence);
}

bool Ledger::first_of(std::uint32_t stream, const std::string& epoch,
                      std::uint32_t& sequence) const {
  const std::lock_guard lock(mutex_);
  const auto found = streams_[stream].firsts.find(epoch);
  if (found == streams_[stream].firsts.end()) return false;
  sequence = found->second;
  return true;
}

std::size_t Ledger::epochs() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string_view> all;
  for (const Stream& stream : streams_) {
    for (const auto& [epoch, first] : stream.firsts) all.insert(epoch);
  }
  return all.size();
}

}  // namespace ringcast
