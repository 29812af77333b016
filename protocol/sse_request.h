// What a request for an event stream asks for: topics, patterns, filter, and where to begin.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/hub.h"
#include "net/http_head.h"
#include "protocol/config.h"

namespace ringcast {

inline constexpr std::size_t kMostEchoedIdBytes = 256;  // of a malformed id, in the gap event

// The answer to a request that asks for what cannot be.
struct SseRefusal {
  int status;
  std::string_view code;
  std::string message;
};

// Adds a topic, or a pattern if it has a `*`; one that is there already is not added again.
// Refusals: bad_topic, too_many_topics.
std::optional<SseRefusal> add_stream_topic(Subscription& wanted, std::string_view name,
                                           const Limits& limits);

// Reads query and headers into `wanted`: `types`, `from`, `lastEventId` (or
// `last_event_id`), and `topic` too if
// `topics` is set; other keys are left alone. Header Last-Event-ID goes before the query (HTML
// Living Standard, §9.2.4). Refusals: those of topics, bad_types, bad_from, and those of a
// malformed query (net/url.h).
std::optional<SseRefusal> read_stream_request(const RequestHead& head, const Limits& limits,
                                              bool topics, Subscription& wanted);

}  // namespace ringcast
