#include "core/publisher_ids.h"

#include <algorithm>
#include <functional>
#include <random>

namespace ringcast {
namespace {

constexpr std::size_t kFewestSlots = 16;

PublisherIds::Seeds random_seeds() {
  std::random_device random;
  const auto word = [&random] { return (std::uint64_t{random()} << 32) | random(); };
  return {word(), word()};
}

PublisherIds::Seeds& process_seeds() {
  static PublisherIds::Seeds seeds = random_seeds();
  return seeds;
}

}  // namespace

PublisherIds::Seeds PublisherIds::seeds() { return process_seeds(); }

void PublisherIds::adopt_seeds(const Seeds& seeds) { process_seeds() = seeds; }

PublisherIds::Hash PublisherIds::hash_of(std::string_view id) {
  const Seeds& seeds = process_seeds();
  return {std::_Hash_bytes(id.data(), id.size(), seeds[0]),
          std::_Hash_bytes(id.data(), id.size(), seeds[1])};
}

std::uint64_t PublisherIds::find(std::string_view id, std::uint64_t first_number) const {
  if (slots_.empty()) return 0;
  const auto hash = hash_of(id);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = hash[0] & mask; slots_[at].number != 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash) return slots_[at].number >= first_number ? slots_[at].number : 0;
  }
  return 0;
}

void PublisherIds::insert(std::string_view id, std::uint64_t number, std::uint64_t first_number) {
  insert(hash_of(id), number, first_number);
}

void PublisherIds::insert(const Hash& hash, std::uint64_t number, std::uint64_t first_number) {
  if ((used_ + 1) * 4 > slots_.size() * 3) rebuild(first_number);
  const Slot slot{hash, number};
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot.hash[0] & mask;
  while (slots_[at].number != 0 && slots_[at].hash != slot.hash) at = (at + 1) & mask;
  if (slots_[at].number == 0) ++used_;
  slots_[at] = slot;
}

bool PublisherIds::next(std::size_t& at, std::uint64_t first_number, Hash& hash,
                        std::uint64_t& number) const {
  while (at < slots_.size()) {
    const Slot& slot = slots_[at++];
    if (slot.number == 0 || slot.number < first_number) continue;
    hash = slot.hash;
    number = slot.number;
    return true;
  }
  return false;
}

void PublisherIds::place(const Slot& slot) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = slot.hash[0] & mask;
  while (slots_[at].number != 0) at = (at + 1) & mask;
  slots_[at] = slot;
  ++used_;
}

void PublisherIds::rebuild(std::uint64_t first_number) {
  std::vector<Slot> old = std::move(slots_);
  std::size_t live = 0;
  for (const Slot& slot : old) live += slot.number >= first_number && slot.number != 0 ? 1 : 0;
  std::size_t size = kFewestSlots;
  while (size < live * 2 + 2) size *= 2;
  slots_.assign(size, Slot{});
  used_ = 0;
  for (const Slot& slot : old) {
    if (slot.number != 0 && slot.number >= first_number) place(slot);
  }
}

}  // namespace ringcast
