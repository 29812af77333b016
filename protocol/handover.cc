#include "protocol/handover.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/event_id.h"
#include "core/history_record.h"

namespace ringcast {
namespace {

// Hashed by both: a newer library might hash otherwise.
constexpr std::string_view kProbe = "ringcast hands its history over";

std::unexpected<Error> malformed() {
  return fail("bad_handover", "What the other process said is not understood.");
}

bool is_epoch(std::string_view text) {
  return !text.empty() && text.size() <= kMostEpochBytes && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  });
}

}  // namespace

std::string HandoverHello::bytes() const {
  std::string out;
  RecordWriter(out).put(version).put(cores).put_text<std::uint16_t>(program);
  return out;
}

Result<HandoverHello> HandoverHello::read(std::string_view bytes) {
  RecordReader from(bytes);
  HandoverHello hello;
  hello.version = from.take<std::uint32_t>();
  hello.cores = from.take<std::uint32_t>();
  hello.program = from.take_text<std::uint16_t>();
  if (from.failed()) return malformed();
  return hello;
}

std::string HandoverOffer::bytes() const {
  std::string out;
  RecordWriter to(out);
  to.put_text<std::uint16_t>(epoch).put(homes).put(seeds[0]).put(seeds[1]);
  const PublisherIds::Hash probe = PublisherIds::hash_of(kProbe);
  to.put(probe[0]).put(probe[1]).put_text<std::uint16_t>(program).put(listeners).put(supervised);
  to.put(static_cast<std::uint16_t>(features.size()));
  for (const auto& [name, on] : features) {
    to.put_text<std::uint16_t>(name).put(static_cast<std::uint8_t>(on ? 1 : 0));
  }
  return out;
}

Result<HandoverOffer> HandoverOffer::read(std::string_view bytes) {
  RecordReader from(bytes);
  HandoverOffer offer;
  offer.epoch = from.take_text<std::uint16_t>();
  offer.homes = from.take<std::uint32_t>();
  for (auto& seed : offer.seeds) seed = from.take<std::uint64_t>();
  PublisherIds::Hash probe{};
  for (auto& half : probe) half = from.take<std::uint64_t>();
  offer.program = from.take_text<std::uint16_t>();
  offer.listeners = from.take<std::uint32_t>();
  offer.supervised = from.take<std::uint32_t>();
  for (auto left = from.take<std::uint16_t>(); left > 0 && !from.failed(); --left) {
    std::string name(from.take_text<std::uint16_t>());
    offer.features.emplace_back(std::move(name), from.take<std::uint8_t>() != 0);
  }
  if (from.failed() || !is_epoch(offer.epoch) || offer.homes == 0 || offer.homes > kMostHomes ||
      offer.listeners > kMostHandoverListeners || offer.supervised > offer.listeners) {
    return malformed();
  }
  PublisherIds::adopt_seeds(offer.seeds);
  if (PublisherIds::hash_of(kProbe) != probe) {
    return fail(
        "bad_handover",
        fmt::format("The running server ({}) hashes publishers' ids in another way, so that "
                    "events sent twice would be stored twice. Stop it, then start this one.",
                    offer.program));
  }
  return offer;
}

}  // namespace ringcast
