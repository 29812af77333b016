#include "tests/e2e/replay/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace ringcast {
namespace {

// The text of a string member of the gap event's JSON; empty if it is null or missing.
std::string_view member(std::string_view json, std::string_view name) {
  const std::string key = fmt::format("\"{}\":\"", name);
  const std::size_t begin = json.find(key);
  if (begin == std::string_view::npos) return {};
  json.remove_prefix(begin + key.size());
  return json.substr(0, json.find('"'));
}

}  // namespace

Checker::Checker(const Plan& plan, const Ledger& ledger, Wish wish)
    : plan_(plan),
      ledger_(ledger),
      wish_(std::move(wish)),
      totals_(plan.totals()),
      topics_(plan.topics),
      next_(plan.streams()) {}

bool Checker::fail(std::string what) {
  if (error_.empty()) error_ = std::move(what) + "; resumed after `" + resumed_after_ + "`";
  return false;
}

bool Checker::wants_type(std::uint32_t type) const {
  return wish_.types.empty() || std::ranges::find(wish_.types, type) != wish_.types.end();
}

std::uint32_t Checker::next_wanted(std::uint32_t sequence) const {
  while (!wants_type(plan_.type_of(sequence))) ++sequence;
  return sequence;
}

void Checker::connected(std::string_view last_id) { resumed_after_ = last_id; }

void Checker::take(const Block& block) {
  if (!block.well_formed) {
    fail("a block with unknown fields");
  } else if (block.type == "gap") {
    take_gap(block);
  } else if (block.has_data) {
    take_event(block);
  }
}

void Checker::take_gap(const Block& block) {
  ++gaps_;
  const std::string_view reason = member(block.data, "reason");
  const bool expected = plan_.loss == Loss::evicted
                            ? reason == "evicted" || reason == "lagged"
                            : plan_.loss == Loss::restarts && reason == "epoch";
  if (!expected) {
    fail(fmt::format("a gap that may not be: {}", block.data));
    return;
  }
  if (reason != "lagged" && member(block.data, "requested") != resumed_after_) {
    fail(fmt::format("a gap that asks for another id: {}", block.data));
  }
  // The last gap of a connection has the id with which the client goes on.
  if (reason == "epoch" && !block.last_id.empty()) told_epoch_ = split_id(block.last_id).first;
  const std::string_view name = member(block.data, "topic");
  for (const std::uint32_t index : wish_.topics) {
    if (plan_.topic_name(index) != name) continue;
    TopicState& topic = topics_[index];
    topic.after_gap = true;
    topic.epoch_gap = reason == "epoch";
    topic.earliest = split_id(member(block.data, "earliest")).second;
    return;
  }
  if (!wish_.pattern || name != "replay.*") fail(fmt::format("a gap of no topic: {}", block.data));
}

void Checker::take_event(const Block& block) {
  ++events_;
  EventKey key;
  if (!read_key(block.data, key) || key.publisher >= plan_.publishers ||
      key.topic >= plan_.topics) {
    fail(fmt::format("data that nobody published: {}", block.data));
    return;
  }
  const std::uint32_t stream = plan_.stream(key.publisher, key.topic);
  if (!check_content(block, key)) return;
  const auto [epoch, number] = split_id(block.first_id);
  TopicState& topic = topics_[key.topic];
  if (!check_epoch(topic, stream, key.sequence, epoch)) return;
  if (!check_order(topic, stream, key.sequence, number)) return;
  const std::uint64_t known = ledger_.number(stream, key.sequence);
  if (known != 0 && known != number && plan_.loss != Loss::restarts) {
    fail(fmt::format("event {} was acknowledged as number {}", block.first_id, known));
  }
  topic.after_gap = topic.epoch_gap = topic.fresh = false;
  topic.last_number = number;
  next_[stream] = key.sequence + 1;
  if (next_wanted(key.sequence + 1) < totals_[stream]) return;
  complete_ = true;
  for (const std::uint32_t index : wish_.topics) {
    for (std::uint32_t publisher = 0; publisher < plan_.publishers; ++publisher) {
      const std::uint32_t each = plan_.stream(publisher, index);
      if (next_wanted(next_[each]) < totals_[each]) complete_ = false;
    }
  }
}

bool Checker::check_content(const Block& block, const EventKey& key) {
  expected_data_.clear();
  append_data(expected_data_, key);
  if (block.data != expected_data_) return fail("changed data: " + block.data);
  if (block.type != plan_.type_name(plan_.type_of(key.sequence))) return fail("a wrong type");
  if (!wants_type(plan_.type_of(key.sequence)) ||
      std::ranges::find(wish_.topics, key.topic) == wish_.topics.end()) {
    return fail("an event that was not asked for: " + block.data);
  }
  const std::string topic = wish_.composed() ? plan_.topic_name(key.topic) : std::string();
  if (block.topic != topic) return fail(fmt::format("topic `{}`", block.topic));
  return true;
}

bool Checker::check_epoch(TopicState& topic, std::uint32_t stream, std::uint32_t sequence,
                          std::string_view epoch) {
  if (topic.epoch == epoch) return true;
  if (!topic.epoch.empty()) {
    // Topics that a pattern reached later have no gap of their own.
    const bool told = topic.epoch_gap || (wish_.pattern && told_epoch_ == epoch);
    if (!told) return fail(fmt::format("epoch {} after {} without a gap", epoch, topic.epoch));
  }
  topic.epoch = epoch;
  topic.last_number = 0;
  if (plan_.loss == Loss::restarts) {
    // Each publisher has topics of its own there, so this is the first of the whole topic.
    epoch_starts_.push_back({stream, sequence, std::string(epoch)});
    next_[stream] = sequence;
    topic.after_gap = false;
  }
  return true;
}

bool Checker::check_order(TopicState& topic, std::uint32_t stream, std::uint32_t sequence,
                          std::uint64_t number) {
  const auto found = [&] {
    return fmt::format("stream {}: expected {}, got {} (number {} after {})", stream,
                       next_wanted(next_[stream]), sequence, number, topic.last_number);
  };
  if (number <= topic.last_number) return fail("ids do not grow; " + found());
  const std::uint32_t expected = next_wanted(next_[stream]);
  if (sequence < expected) return fail("twice; " + found());
  if (!topic.after_gap) {
    const bool joined_late = topic.fresh && plan_.loss == Loss::evicted;
    if (sequence != expected && !joined_late) return fail("lost; " + found());
    return true;
  }
  missed_ += sequence - next_[stream];
  if (!wish_.types.empty()) {
    gap_ends_.push_back({stream, sequence, topic.earliest});
  } else if (number != topic.earliest) {
    return fail(fmt::format("the gap said {}; {}", topic.earliest, found()));
  } else if (sequence == expected) {
    return fail("a gap where nothing is missing; " + found());
  }
  return true;
}

// Behind a filter the earliest event may not have been sent: the next that passes must have been.
void Checker::check_gap_end(const GapEnd& end) {
  std::uint32_t sequence = 0;
  std::uint32_t count = totals_[end.stream];
  while (count > 0) {
    const std::uint32_t half = count / 2;
    const bool before = ledger_.number(end.stream, sequence + half) < end.earliest;
    sequence += before ? half + 1 : 0;
    count = before ? count - half - 1 : half;
  }
  if (sequence >= totals_[end.stream] || ledger_.number(end.stream, sequence) != end.earliest) {
    fail(fmt::format("the gap's earliest, {}, is no event of stream {}", end.earliest, end.stream));
  } else if (next_wanted(sequence) != end.sequence) {
    fail(fmt::format("stream {}: the gap's earliest is {}, but {} came next", end.stream, sequence,
                     end.sequence));
  }
}

void Checker::finish() {
  for (const GapEnd& end : gap_ends_) check_gap_end(end);
  for (const EpochStart& start : epoch_starts_) {
    std::uint32_t first = 0;
    if (!ledger_.first_of(start.stream, start.epoch, first)) continue;
    if (next_wanted(first) != start.sequence) {
      fail(fmt::format("epoch {} of stream {} starts with {}, but {} came first", start.epoch,
                       start.stream, first, start.sequence));
    }
  }
}

std::string Checker::where() const {
  std::string text;
  for (const std::uint32_t topic : wish_.topics) {
    for (std::uint32_t publisher = 0; publisher < plan_.publishers; ++publisher) {
      const std::uint32_t stream = plan_.stream(publisher, topic);
      if (next_wanted(next_[stream]) >= totals_[stream]) continue;
      text += fmt::format("{} {}/{}", text.empty() ? "" : ",", next_[stream], totals_[stream]);
    }
  }
  return text;
}

}  // namespace ringcast
