// A plain reading of the event stream, block by block.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/hub.h"
#include "tests/core/sockets.h"

namespace ringcast {

struct Block {
  std::string id;
  std::string event;
  std::string data;
  std::string topic;
  std::string retry;
  bool comment = false;

  std::uint64_t number() const { return std::stoull(id.substr(id.rfind('-') + 1)); }
};

inline Block parse_block(std::string_view text) {
  Block block;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const auto value = [&](std::string_view field, std::string& out) {
      if (line.starts_with(field)) out = line.substr(field.size());
    };
    block.comment |= line.starts_with(":");
    value("id: ", block.id);
    value("event: ", block.event);
    value("data: ", block.data);
    value("topic: ", block.topic);
    value("retry: ", block.retry);
  }
  return block;
}

inline Block read_parsed(Client& client) { return parse_block(client.read_block()); }

inline constexpr std::string_view kHead = "retry: 5000\n\n";

inline Subscription to_topic(std::string topic) {
  Subscription subscription;
  subscription.topics = {std::move(topic)};
  subscription.head = kHead;
  return subscription;
}

inline Subscription from_earliest(Subscription subscription) {
  subscription.from = Subscription::From::earliest;
  return subscription;
}

inline Subscription after(Subscription subscription, std::string id) {
  subscription.from = Subscription::From::after_id;
  subscription.last_id = std::move(id);
  return subscription;
}

}  // namespace ringcast
