// What is published: every event follows from its publisher, topic and sequence number, so that a
// subscriber can tell what it should look like.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast {

// How much a subscriber may miss.
enum class Loss : std::uint8_t {
  none,      // the history holds everything: no gap at all
  evicted,   // the history is small: what is missing lies behind a gap
  restarts,  // the server is restarted meanwhile: a gap of reason epoch, then all there is
};

struct Plan {
  std::uint64_t seed = 1;
  Loss loss = Loss::none;
  std::uint32_t events = 1'000'000;
  std::uint32_t topics = 8;
  std::uint32_t publishers = 4;
  std::uint32_t types = 4;

  // Events of one publisher in one topic are a stream of their own, numbered from 0.
  std::uint32_t streams() const { return publishers * topics; }
  std::uint32_t stream(std::uint32_t publisher, std::uint32_t topic) const {
    return publisher * topics + topic;
  }
  // Where history may be missing, a topic has one publisher: then it is known what is missing.
  bool publishes(std::uint32_t publisher, std::uint32_t topic) const {
    return loss == Loss::none || topic % publishers == publisher;
  }
  std::vector<std::uint32_t> topics_of(std::uint32_t publisher) const;
  // Events of each stream: every publisher goes through its topics in turn.
  std::vector<std::uint32_t> totals() const;

  std::string topic_name(std::uint32_t topic) const { return "replay." + std::to_string(topic); }
  std::string type_name(std::uint32_t type) const { return "type" + std::to_string(type); }
  std::uint32_t type_of(std::uint32_t sequence) const { return sequence % types; }
};

// A published event, as its data names it.
struct EventKey {
  std::uint32_t publisher = 0;
  std::uint32_t topic = 0;
  std::uint32_t sequence = 0;
};

// Appends the event's data, some of it in several lines.
void append_data(std::string& out, const EventKey& key);
// The key that the data begins with; false if it does not.
bool read_key(std::string_view data, EventKey& key);

}  // namespace ringcast
