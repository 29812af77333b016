#include "core/client_places.h"

namespace ringcast {

// Whoever chooses addresses so that they fall together slows down coming and going, of whoever
// comes from there; more than the limit of all connections cannot be there.
std::size_t ClientPlaces::HashOf::operator()(const Key& key) const {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, key.data(), sizeof high);
  std::memcpy(&low, key.data() + sizeof high, sizeof low);
  std::uint64_t mixed = (high * 0x9e3779b97f4a7c15U) ^ (low * 0xff51afd7ed558ccdU);
  mixed ^= mixed >> 32;
  return static_cast<std::size_t>(mixed * 0xc4ceb9fe1a85ec53U >> 16);
}

ClientPlaces::Place ClientPlaces::take(const Key& client, std::uint32_t most) {
  Part& part = part_of(client);
  const std::lock_guard lock(part.mutex);
  auto& entry = *part.map.try_emplace(client, Entry{.part = &part}).first;
  if (entry.second.held >= most) {
    if (entry.second.held == 0) part.map.erase(client);
    return nullptr;
  }
  ++entry.second.held;
  return Place(&entry);
}

void ClientPlaces::Leave::operator()(Map::value_type* entry) const {
  Part& part = *entry->second.part;
  const std::lock_guard lock(part.mutex);
  if (--entry->second.held == 0) part.map.erase(Key(entry->first));
}

std::uint32_t ClientPlaces::held(const Key& client) {
  Part& part = part_of(client);
  const std::lock_guard lock(part.mutex);
  const auto found = part.map.find(client);
  return found == part.map.end() ? 0 : found->second.held;
}

std::size_t ClientPlaces::clients() {
  std::size_t sum = 0;
  for (Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    sum += part.map.size();
  }
  return sum;
}

}  // namespace ringcast
