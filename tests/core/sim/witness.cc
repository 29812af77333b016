#include "tests/core/sim/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/topic_name.h"

namespace ringcast::sim {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

bool contains(const std::vector<std::string>& in, const std::string& what) {
  return std::ranges::find(in, what) != in.end();
}

}  // namespace

bool Wish::named(const std::string& topic) const { return contains(topics, topic); }

bool Wish::follows(const std::string& topic) const {
  return named(topic) || std::ranges::any_of(patterns, [&](const std::string& pattern) {
           return topic_matches(pattern, topic);
         });
}

bool Wish::wants_type(const std::string& type) const {
  return types.empty() || contains(types, type.empty() ? "message" : type);
}

void Witness::connected(Start start, std::string bad_id_reason) {
  Seen seen(Kind::connected);
  seen.start = start;
  seen.type = std::move(bad_id_reason);
  seen_.push_back(std::move(seen));
}

void Witness::established(std::uint64_t moment) {
  Seen seen(Kind::established);
  seen.moment = moment;
  seen_.push_back(std::move(seen));
}

void Witness::id_moved() { seen_.push_back(Seen(Kind::id)); }

void Witness::event(std::string topic, std::uint64_t number, std::string type, std::string data) {
  ++events_;
  Seen seen(Kind::event);
  seen.topic = std::move(topic);
  seen.number = number;
  seen.type = std::move(type);
  seen.data = std::move(data);
  seen_.push_back(std::move(seen));
}

void Witness::gap(std::string topic, std::string reason, std::uint64_t earliest,
                  std::uint64_t moment) {
  ++gaps_;
  Seen seen(Kind::gap);
  seen.topic = std::move(topic);
  seen.number = earliest;
  seen.moment = moment;
  seen.type = std::move(reason);
  seen_.push_back(std::move(seen));
}

// What may come next of one topic.
struct Witness::Expected {
  using Wanted = std::vector<std::pair<std::uint64_t, const Published*>>;  // by number

  const Wanted* events = nullptr;
  bool fixed = false;            // exactly events[next]
  std::size_t next = 0;          // not fixed: that one or a later one …
  std::uint64_t since = kNever;  // … but none may be skipped that began to be published after this
  std::uint64_t told_gone = 0;   // what had gone with its topic by then was told to be missing
  std::string may_gap;           // this reason, since the id was bad
  bool must_gap = false;

  std::size_t index_of(std::uint64_t number) const {
    const auto at =
        std::ranges::lower_bound(*events, number, {}, [](const auto& e) { return e.first; });
    return static_cast<std::size_t>(at - events->begin());
  }
  // The first event before `end` that should have come; `end` if none.
  std::size_t missed_before(std::size_t end) const {
    for (std::size_t at = next; at < end; ++at) {
      const Published& event = *(*events)[at].second;
      if (event.gone != 0 && event.gone < told_gone) continue;
      if (fixed || event.started > since) return at;
    }
    return end;
  }
};

class Witness::Check {
 public:
  Check(const Wish& wish, const Truth& truth) : wish_(wish), truth_(truth) {
    for (const auto& [name, events] : truth.topics) {
      if (!wish.follows(name)) continue;
      Expected::Wanted& wanted = wanted_[name];
      expected_[name].events = &wanted;
      for (const auto& [number, event] : events) {
        if (wish.wants_type(event.type)) wanted.emplace_back(number, &event);
      }
    }
  }

  std::string look(const Seen& seen) {
    switch (seen.kind) {
      case Kind::connected:
        return connected(seen);
      case Kind::established:
        for (auto& [name, expected] : expected_) {
          if (expected.since == kNever) expected.since = seen.moment;
        }
        return {};
      case Kind::id:
        id_moved_ = true;
        return {};
      case Kind::event:
        return event(seen);
      case Kind::gap:
        return gap(seen);
    }
    return "?";
  }

  std::string complete() const {
    for (const auto& [name, expected] : expected_) {
      const std::size_t end = expected.events->size();
      const std::size_t missed = expected.missed_before(end);
      if (missed != end) {
        return fmt::format("{}: {} of {} did not come", name, (*expected.events)[missed].first,
                           expected.events->back().first);
      }
    }
    return {};
  }

 private:
  std::string connected(const Seen& seen) {
    // A connection that moved the client's id nowhere never was.
    if (!id_moved_) expected_ = before_;
    before_ = expected_;
    id_moved_ = false;
    for (auto& [name, expected] : expected_) {
      expected.may_gap.clear();
      expected.must_gap = false;
      if (seen.start == Start::resume) continue;
      expected.fixed = false;
      expected.next = 0;
      expected.since = kNever;
      if (seen.start == Start::bad_id) {
        expected.may_gap = seen.type;
        expected.must_gap = wish_.named(name);  // another topic may come into being later
      }
      // With room for everything, `earliest` is the very first.
      if (seen.start == Start::earliest && truth_.roomy) expected.fixed = true;
    }
    return {};
  }

  std::string event(const Seen& seen) {
    const auto found = expected_.find(seen.topic);
    if (found == expected_.end()) return fmt::format("{} was not asked for", seen.topic);
    Expected& expected = found->second;
    const std::size_t at = expected.index_of(seen.number);
    if (at == expected.events->size() || (*expected.events)[at].first != seen.number) {
      return fmt::format("{}: {} was never published, or is of a type not asked for", seen.topic,
                         seen.number);
    }
    const Published& was = *(*expected.events)[at].second;
    if (was.data != seen.data || was.type != seen.type) {
      return fmt::format("{}: {} came as `{}` `{}` instead of `{}` `{}`", seen.topic, seen.number,
                         seen.type, seen.data, was.type, was.data);
    }
    if (expected.must_gap) {
      return fmt::format("{}: {} before a gap `{}`", seen.topic, seen.number, expected.may_gap);
    }
    if (at < expected.next) {
      return fmt::format("{}: {} came again or late", seen.topic, seen.number);
    }
    if (const std::size_t missed = expected.missed_before(at); missed != at) {
      return fmt::format("{}: {} came, {} before it did not", seen.topic, seen.number,
                         (*expected.events)[missed].first);
    }
    expected.fixed = true;
    expected.next = at + 1;
    return {};
  }

  std::string gap(const Seen& seen) {
    if (contains(wish_.patterns, seen.topic)) return pattern_gap(seen);
    const auto found = expected_.find(seen.topic);
    if (found == expected_.end()) {
      return wish_.follows(seen.topic) ? std::string{} : "gap of a topic that was not asked for";
    }
    Expected& expected = found->second;
    const bool restart = seen.type != "evicted" && seen.type != "lagged";
    if (truth_.roomy && !restart) return fmt::format("{}: gap without a loss", seen.topic);
    if (expected.must_gap && seen.type != expected.may_gap) {
      return fmt::format("{}: gap `{}`, not `{}`", seen.topic, seen.type, expected.may_gap);
    }
    if (restart && seen.type != expected.may_gap) {
      return fmt::format("{}: gap `{}` without a reason", seen.topic, seen.type);
    }
    expected.must_gap = false;
    expected.may_gap.clear();
    if (restart) expected.next = 0;
    if (seen.number == 0) {
      expected.fixed = false;
      expected.since = seen.moment;
      return {};
    }
    if (!truth_.topics.at(seen.topic).contains(seen.number)) {
      return fmt::format("{}: the gap's earliest, {}, was never published", seen.topic,
                         seen.number);
    }
    const std::size_t at = expected.index_of(seen.number);
    if (at < expected.next) {
      return fmt::format("{}: the gap's earliest, {}, had come already", seen.topic, seen.number);
    }
    expected.fixed = true;
    expected.next = at;
    return {};
  }

  // Topics that matched were removed, with events that had not been read.
  std::string pattern_gap(const Seen& seen) {
    bool any = false;
    for (auto& [name, expected] : expected_) {
      if (!topic_matches(seen.topic, name)) continue;
      expected.told_gone = seen.moment;
      any |= std::ranges::any_of(truth_.topics.at(name),
                                 [](const auto& event) { return event.second.gone != 0; });
    }
    const bool loss = seen.type == "evicted" || seen.type == "unknown";
    if (loss && !any) return fmt::format("{}: gap `{}` without a loss", seen.topic, seen.type);
    return {};
  }

  const Wish& wish_;
  const Truth& truth_;
  std::map<std::string, Expected::Wanted> wanted_;
  std::map<std::string, Expected> expected_;
  std::map<std::string, Expected> before_;  // as of the last time that it connected
  bool id_moved_ = true;                    // since then
};

std::string Witness::verify(const Truth& truth, bool complete) const {
  Check check(wish_, truth);
  for (const Seen& seen : seen_) {
    if (std::string problem = check.look(seen); !problem.empty()) return problem;
  }
  return complete ? check.complete() : std::string{};
}

}  // namespace ringcast::sim
