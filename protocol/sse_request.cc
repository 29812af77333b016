#include "protocol/sse_request.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/topic_name.h"
#include "core/utf8.h"
#include "net/url.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostTypes = 64;

// At most 200 bytes of it, never half a character.
std::string printable(std::string_view text) {
  if (!is_valid_utf8(text)) return "(not UTF-8)";
  return std::string(cut_utf8(text, 200));
}

std::optional<SseRefusal> add_types(Subscription& wanted, std::string_view list) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view type = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (type.empty()) continue;
    if (!is_event_type(type) || wanted.types.size() >= kMostTypes) {
      return SseRefusal{400, "bad_types",
                        fmt::format("Parameter types= takes up to {} event types of at most "
                                    "128 bytes, separated by commas.",
                                    kMostTypes)};
    }
    wanted.types.emplace_back(type);
  }
  return {};
}

}  // namespace

std::optional<SseRefusal> add_stream_topic(Subscription& wanted, std::string_view name,
                                           const Limits& limits) {
  const bool pattern = name.find('*') != std::string_view::npos;
  if (!is_valid_utf8(name) || !(pattern ? is_topic_pattern(name) : is_topic_name(name))) {
    return SseRefusal{
        400, "bad_topic",
        fmt::format("Topic `{}` is not valid: 1 to {} bytes, without spaces or controls.",
                    printable(name), kMostTopicBytes)};
  }
  auto& list = pattern ? wanted.patterns : wanted.topics;
  if (std::ranges::find(list, name) != list.end()) return {};
  if (wanted.topics.size() + wanted.patterns.size() >= limits.max_topics_per_subscriber) {
    return SseRefusal{400, "too_many_topics",
                      fmt::format("One connection may name {} topics and patterns.",
                                  limits.max_topics_per_subscriber)};
  }
  list.emplace_back(name);
  return {};
}

std::optional<SseRefusal> read_stream_request(const RequestHead& head, const Limits& limits,
                                              bool topics, Subscription& wanted) {
  std::string scratch(head.query.size() + 1, '\0');
  Query query(head.query, scratch);
  while (query.next()) {
    std::optional<SseRefusal> failure;
    if (query.key() == "topic" && topics) {
      failure = add_stream_topic(wanted, query.value(), limits);
    } else if (query.key() == "types") {
      failure = add_types(wanted, query.value());
    } else if ((query.key() == "lastEventId" || query.key() == "last_event_id") &&
               !query.value().empty()) {
      wanted.from = Subscription::From::after_id;
      wanted.last_id = query.value().substr(0, kMostEchoedIdBytes);
    } else if (query.key() == "from" && wanted.from != Subscription::From::after_id) {
      if (query.value() == "earliest") {
        wanted.from = Subscription::From::earliest;
      } else if (query.value() != "latest") {
        failure = SseRefusal{400, "bad_from", "Parameter from= takes `earliest` or `latest`."};
      }
    }
    if (failure) return failure;
  }
  if (query.failed()) {
    return SseRefusal{query.error().status, query.error().code, std::string(query.error().message)};
  }
  // A browser that reconnects repeats its URL; the header is newer.
  if (const auto id = head.find("Last-Event-ID"); id && !id->empty()) {
    wanted.from = Subscription::From::after_id;
    wanted.last_id = id->substr(0, kMostEchoedIdBytes);
  }
  return {};
}

}  // namespace ringcast
