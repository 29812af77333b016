// What one client saw, over all its connections, and whether that was right.
//
// Rules, per topic that the client follows:
//   - every event is one that was published, byte for byte, of a type that was asked for;
//   - numbers only grow, and no event is skipped, over reconnects with the last id too;
//   - where something is skipped a gap says so before, and its `earliest` is the next that follows;
//   - an event whose publish began after the subscription stood must come.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/event_id.h"
#include "tests/core/sim/truth.h"

namespace ringcast::sim {

// What a client follows.
struct Wish {
  std::vector<std::string> topics;
  std::vector<std::string> patterns;
  std::vector<std::string> types;

  bool named(const std::string& topic) const;
  bool follows(const std::string& topic) const;
  bool wants_type(const std::string& type) const;
  bool several() const { return topics.size() > 1 || !patterns.empty(); }
};

class Witness {
 public:
  explicit Witness(Wish wish) : wish_(std::move(wish)) {}
  const Wish& wish() const { return wish_; }

  enum class Start : std::uint8_t { latest, earliest, resume, bad_id };
  void connected(Start start, std::string bad_id_reason = {});
  void established(std::uint64_t moment);
  void id_moved();  // the client has another last id than before
  void event(std::string topic, std::uint64_t number, std::string type, std::string data);
  void gap(std::string topic, std::string reason, std::uint64_t earliest, std::uint64_t moment);

  std::size_t events() const { return events_; }
  std::size_t gaps() const { return gaps_; }

  // What is wrong; empty if nothing is. With `complete` everything published must have come.
  std::string verify(const Truth& truth, bool complete) const;

 private:
  enum class Kind : std::uint8_t { connected, established, id, event, gap };
  struct Seen {
    explicit Seen(Kind of) : kind(of) {}
    Kind kind;
    Start start = Start::latest;
    std::string topic;
    std::uint64_t number = 0;  // of the event; of a gap the earliest
    std::uint64_t moment = 0;
    std::string type;  // of a gap its reason
    std::string data;
  };
  struct Expected;
  class Check;

  Wish wish_;
  std::vector<Seen> seen_;
  std::size_t events_ = 0;
  std::size_t gaps_ = 0;
};

}  // namespace ringcast::sim
